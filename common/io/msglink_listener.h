/*
 * The front of a server. It accepts on the loop, speaks TLS, and connects a peer to nng only if the peer
 * holds a certificate that may connect and speaks nng's protocol; the peer is admitted then. Private to
 * common/io/msglink*.c.
 *
 * Bounds: connections that are not admitted yet, in all and per network; MSGLINK_OPENING_MS for being
 * admitted; and admitted connections, in all and per certificate. Past a bound of the not admitted ones the
 * oldest of the same network goes first, so a peer that keeps idle connections locks no other network out.
 * The bounds follow from the process's limit of descriptors: half of these are left for other uses. A peer
 * that is not admitted uses the memory of one handshake. Each network before admission, and each certificate
 * after it, gets a share of the loop's time (msglink_payer.h): past its share it waits, and is not read
 * meanwhile.
 *
 * nng does not tell who a peer is. So the listener itself sends nng the first message of each connection,
 * which says which connection it is; from then on a pipe of nng's is known to be that connection.
 */
#ifndef CORRAL_COMMON_IO_MSGLINK_LISTENER_H
#define CORRAL_COMMON_IO_MSGLINK_LISTENER_H

#include "common/io/msglink_int.h"

struct msglink_listener;

/* ERR_IO: the address cannot be used. ERR_CONFIG: the URL or the certificates are wrong. allow may be
 * NULL. */
int msglink_listener_new(struct msglink_listener **out, struct loop *loop, const char *url,
                         const struct msglink_tls *tls, const struct msglink_inner *inner,
                         msglink_allow_cb *allow, void *arg, struct err *e) MUST_CHECK;
void msglink_listener_free(struct msglink_listener *listener);

/* The peer of this pipe; NULL if it was not introduced, or has closed since. Borrowed until the loop's
 * next turn. */
const struct msglink_peer *msglink_listener_peer(const struct msglink_listener *listener, uint32_t pipe);

/* Whether to serve a message of this pipe: a peer that has taken more than its share of the loop's time
 * is served a few messages only. */
bool msglink_listener_serves(const struct msglink_listener *listener, uint32_t pipe);

/* Reports how much processor time serving a message took, in microseconds. */
void msglink_listener_spent(const struct msglink_listener *listener, uint32_t pipe, uint64_t us);

/* Takes the first message of a pipe. Returns true if it is the listener's own introduction of a
 * connection. */
bool msglink_listener_introduce(struct msglink_listener *listener, uint32_t pipe, const uint8_t *bytes,
                                size_t len);

/* Whether the connection of this id is still open. */
bool msglink_listener_stands(const struct msglink_listener *listener, uint64_t id);

/* Closes the connections of every peer whose certificate has this name. */
void msglink_listener_drop(struct msglink_listener *listener, const char *name);

/* Whom connections that are not nng's are handed to; arg is that of msglink_listener_new. */
void msglink_listener_take_streams(struct msglink_listener *listener, msglink_stream_cb *cb);

struct msglink_stats msglink_listener_stats(const struct msglink_listener *listener);

#endif
