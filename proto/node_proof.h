/*
 * What a node signs to prove itself: the challenge (session and nonce), its name, and all that it says of
 * itself, so that no part can be taken from one session into another.
 */
#ifndef CORRAL_PROTO_NODE_PROOF_H
#define CORRAL_PROTO_NODE_PROOF_H

#include "proto/node_codec.h"

/* The bytes, to be freed; *len their number. */
uint8_t *node_proof_bytes(const struct node_session_id *session, const uint8_t nonce[NODE_NONCE_LEN],
                          const char *node, const uint8_t *inventory, size_t inventory_len, size_t *len);

#endif
