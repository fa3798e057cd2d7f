/*
 * The bytes that a node signs to authenticate: the challenge (session and nonce), its name, and its whole
 * inventory, so that no part can be reused in another session.
 */
#ifndef CORRAL_PROTO_NODE_PROOF_H
#define CORRAL_PROTO_NODE_PROOF_H

#include "proto/node_codec.h"

/* The bytes, which the caller frees; their number in *len. */
uint8_t *node_proof_bytes(const struct node_session_id *session, const uint8_t nonce[NODE_NONCE_LEN],
                          const char *node, const uint8_t *inventory, size_t inventory_len, size_t *len);

#endif
