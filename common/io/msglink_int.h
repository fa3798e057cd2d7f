/*
 * What the two ends of a link share. Private to common/msglink*.c.
 *
 * nng never meets the network. Each end has an nng socket that listens in the abstract namespace, for
 * connections of its own process alone, and a front that carries bytes between it and the other end: a
 * listener that accepts (msglink_listener), a dialer that connects (msglink_dial). nng is met only by
 * connections that are made already, speak its protocol, and stay until it has taken them up: what ended its
 * listeners, peers that go while they connect, does not reach it. On the wire are the SP protocol's opening
 * and nng's messages, as its ipc transport frames them, inside TLS. A connection that opens with
 * msglink_stream_opening instead is not nng's: it is handed to the server's owner as it is.
 */
#ifndef CORRAL_COMMON_MSGLINK_INT_H
#define CORRAL_COMMON_MSGLINK_INT_H

#include "common/io/msglink.h"
#include "common/io/tls_mutual.h"

#include <nng/nng.h>
#include <sys/socket.h>

#define MSGLINK_OPENING_MS  5000 /* from a connection to its first message, handshakes included */
#define MSGLINK_OPENING_LEN 8    /* the SP protocol's first words, each way */
#define MSGLINK_AGAIN_MS    20   /* where nng's backlog is full */

extern const uint8_t msglink_req_opening[MSGLINK_OPENING_LEN];
extern const uint8_t msglink_rep_opening[MSGLINK_OPENING_LEN];
extern const uint8_t msglink_stream_opening[MSGLINK_OPENING_LEN]; /* then MSGLINK_TICKET_LEN bytes */

/* tls+tcp://host:port, tcp://host:port, ipc:///path. host may be a name; "*" is every address. */
struct msglink_url {
    bool tls, local;
    char host[256], port[8];
    char path[108]; /* of a local one */
};

/* ERR_CONFIG. */
int msglink_url_parse(struct msglink_url *out, const char *url, struct err *e) MUST_CHECK;

/* The files as TLS wants them; *out is NULL for a URL without. ERR_CONFIG. */
int msglink_tls_new(struct tls_mutual **out, const struct msglink_url *url, const struct msglink_tls *files,
                    tls_allow_cb *allow, void *arg, struct err *e) MUST_CHECK;

/* Where an nng socket listens for its front. */
struct msglink_inner {
    char name[32];
    size_t len;
};

/* Has the socket listen, for this process alone. ERR_INTERNAL. */
int msglink_inner_listen(struct msglink_inner *inner, nng_socket socket, struct err *e) MUST_CHECK;

/* A connection to it, non-blocking; -1: not now. */
int msglink_inner_connect(const struct msglink_inner *inner);

/* Tells cb when a message can be received. ERR_INTERNAL. */
int msglink_watch(struct loop *loop, nng_socket socket, struct watch *watch, loop_watch_cb *cb, void *arg,
                  struct err *e) MUST_CHECK;

/* Closes it on a thread of its own, never on the caller's; counted by msglink_closing. On the loop's thread.
 */
void msglink_close(nng_socket socket);

/* Keeps a connection from waiting for ever for a peer that lost its power or its network. */
void msglink_keep_alive(int fd);

#endif
