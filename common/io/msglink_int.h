/*
 * What the two ends of a link share. Private to common/io/msglink*.c.
 *
 * nng never touches the network. Each end has an nng socket that listens in the abstract namespace, for
 * connections of its own process alone, and a front that carries bytes between nng and the other end: a
 * listener that accepts (msglink_listener), or a dialer that connects (msglink_dial). A front connects to nng
 * only when the network connection is complete and its peer speaks nng's protocol, and keeps that connection
 * until nng has accepted it. nng's own listeners ended when a peer went away while connecting; here nng never
 * sees that. On the wire, inside TLS, are the SP protocol's opening and nng's messages, framed as nng's ipc
 * transport does. A connection that opens with msglink_stream_opening instead does not belong to nng: the
 * server's owner gets it as it is.
 */
#ifndef CORRAL_COMMON_IO_MSGLINK_INT_H
#define CORRAL_COMMON_IO_MSGLINK_INT_H

#include "common/io/msglink.h"
#include "common/io/tls_mutual.h"

#include <nng/nng.h>
#include <sys/socket.h>

#define MSGLINK_OPENING_MS  5000 /* from connect to the first message, handshakes included */
#define MSGLINK_OPENING_LEN 8    /* bytes of the SP protocol's opening, each way */
#define MSGLINK_AGAIN_MS    20   /* pause before another try when nng's backlog is full */

extern const uint8_t msglink_req_opening[MSGLINK_OPENING_LEN];
extern const uint8_t msglink_rep_opening[MSGLINK_OPENING_LEN];
extern const uint8_t msglink_stream_opening[MSGLINK_OPENING_LEN]; /* then MSGLINK_TICKET_LEN bytes */

/* tls+tcp://host:port, tcp://host:port or ipc:///path. host may be a name; "*" means every address. */
struct msglink_url {
    bool tls, local;
    char host[256], port[8];
    char path[108]; /* of a local URL */
};

/* ERR_CONFIG. */
int msglink_url_parse(struct msglink_url *out, const char *url, struct err *e) MUST_CHECK;

/* Loads the files for TLS; *out is NULL for a URL without TLS. ERR_CONFIG. */
int msglink_tls_new(struct tls_mutual **out, const struct msglink_url *url, const struct msglink_tls *files,
                    tls_allow_cb *allow, void *arg, struct err *e) MUST_CHECK;

/* Where an nng socket listens for its front. */
struct msglink_inner {
    char name[32];
    size_t len;
};

/* Makes the socket listen, for this process alone. ERR_INTERNAL. */
int msglink_inner_listen(struct msglink_inner *inner, nng_socket socket, struct err *e) MUST_CHECK;

/* Connects to it; non-blocking. -1: not possible now. */
int msglink_inner_connect(const struct msglink_inner *inner);

/* Calls cb when a message can be received. ERR_INTERNAL. */
int msglink_watch(struct loop *loop, nng_socket socket, struct watch *watch, loop_watch_cb *cb, void *arg,
                  struct err *e) MUST_CHECK;

/* Closes the socket on a thread of its own, never on the caller's; msglink_closing counts it. On the
 * loop's thread. */
void msglink_close(nng_socket socket);

/* Finds out when the peer has lost its power or its network, so that the connection does not stay open
 * for ever. */
void msglink_keep_alive(int fd);

#endif
