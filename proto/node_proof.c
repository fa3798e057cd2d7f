#include "proto/node_proof.h"

#include "common/base/mem.h"

#include <string.h>

static uint8_t *put(uint8_t *at, const void *bytes, size_t len)
{
    if (len)
        memcpy(at, bytes, len);
    return at + len;
}

/*
 * Every part but the last has a fixed size or ends with a NUL, so two different inputs never give the same
 * bytes.
 */
uint8_t *node_proof_bytes(const struct node_session_id *session, const uint8_t nonce[NODE_NONCE_LEN],
                          const char *node, const uint8_t *inventory, size_t inventory_len, size_t *len)
{
    static const char purpose[] = "corral node proof 1";
    *len = sizeof purpose + NODE_SESSION_LEN + NODE_NONCE_LEN + strlen(node) + 1 + inventory_len;
    uint8_t *bytes = mem_zalloc(*len);
    uint8_t *at = put(bytes, purpose, sizeof purpose);
    at = put(at, session->byte, NODE_SESSION_LEN);
    at = put(at, nonce, NODE_NONCE_LEN);
    at = put(at, node, strlen(node) + 1);
    put(at, inventory, inventory_len);
    return bytes;
}
