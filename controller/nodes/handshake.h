/* Hello, challenge, proof, welcome: how a session of a node begins. Private to controller/nodes. */
#ifndef CORRAL_CONTROLLER_NODES_HANDSHAKE_H
#define CORRAL_CONTROLLER_NODES_HANDSHAKE_H

#include "controller/nodes/session.h"

/* Both take the token. */
void handshake_hello(struct node_link *link, const struct msglink_peer *peer, struct msglink_token *token,
                     struct node_message *m);
/* s: the session that the message names, NULL where there is none; it may be dropped. */
void handshake_proof(struct node_link *link, const struct msglink_peer *peer, struct msglink_token *token,
                     struct session *s, struct node_message *m);

#endif
