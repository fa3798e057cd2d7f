/*
 * The front of a server: the loop accepts, TLS is met, and only who holds a certificate that may come in, and
 * speaks nng's protocol, is led to nng. Private to common/msglink*.c.
 *
 * Bounds: connections that are not in yet, in all and of one network (past them the oldest goes, of the same
 * network first, so that who keeps connections idle keeps nobody out), MSGLINK_OPENING_MS to come in, and
 * connections that are in, in all and of one certificate. They follow from the descriptors that the process
 * may have: half of these are left to others. What a peer may have in memory before it is in is one
 * handshake. What each network before it is in, and each certificate after, may take of the loop's time is a
 * share (msglink_payer.h): past it, it waits, and is read no more meanwhile.
 *
 * nng hands out no name of a peer; so the first message that it gets of each connection is the listener's own
 * and says which it is: from then on a pipe of nng's is that connection.
 */
#ifndef CORRAL_COMMON_MSGLINK_LISTENER_H
#define CORRAL_COMMON_MSGLINK_LISTENER_H

#include "common/io/msglink_int.h"

struct msglink_listener;

/* ERR_IO: the address. ERR_CONFIG: URL or certificates. allow may be NULL. */
int msglink_listener_new(struct msglink_listener **out, struct loop *loop, const char *url,
                         const struct msglink_tls *tls, const struct msglink_inner *inner,
                         msglink_allow_cb *allow, void *arg, struct err *e) MUST_CHECK;
void msglink_listener_free(struct msglink_listener *listener);

/* Whose pipe it is; NULL: not introduced, or closed since. Borrowed until the loop's next turn. */
const struct msglink_peer *msglink_listener_peer(const struct msglink_listener *listener, uint32_t pipe);

/* Whether a message of this pipe is served: of anyone who has taken more than his share of the loop's time
 * few are. */
bool msglink_listener_serves(const struct msglink_listener *listener, uint32_t pipe);

/* What serving one took, in microseconds of the processor. */
void msglink_listener_spent(const struct msglink_listener *listener, uint32_t pipe, uint64_t us);

/* A first message of a pipe: whether it is the listener's word on whose it is. */
bool msglink_listener_introduce(struct msglink_listener *listener, uint32_t pipe, const uint8_t *bytes,
                                size_t len);

/* Whether the connection of this id stands. */
bool msglink_listener_stands(const struct msglink_listener *listener, uint64_t id);

/* Closes the connections of every peer whose certificate has this name. */
void msglink_listener_drop(struct msglink_listener *listener, const char *name);

/* Whom connections that are not nng's are handed to; arg is that of msglink_listener_new. */
void msglink_listener_take_streams(struct msglink_listener *listener, msglink_stream_cb *cb);

struct msglink_stats msglink_listener_stats(const struct msglink_listener *listener);

#endif
