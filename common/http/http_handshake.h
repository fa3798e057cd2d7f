/*
 * A TLS handshake of the HTTP server. Each of its steps may take a millisecond of the loop, and anybody may
 * ask for thousands at once; so each is done in a turn of its line (common/http/http_turns.h). Private to the
 * HTTP server.
 */
#ifndef CORRAL_COMMON_HTTP_HANDSHAKE_H
#define CORRAL_COMMON_HTTP_HANDSHAKE_H

#include "common/http/http_turns.h"
#include "common/io/tls_server.h"

struct bufferevent;
struct http_handshake;

/* It is over: io is what can be spoken over, the callee's; NULL: it failed. The handshake is still to be
 * freed. */
typedef void http_handshake_cb(void *arg, struct bufferevent *io);

/* Takes session. line outlives it. */
struct http_handshake *http_handshake_new(struct loop *loop, struct http_turns *turns, struct http_line *line,
                                          struct tls_session *session, http_handshake_cb *cb, void *arg);

/* Gives it up, where it is not over; NULL is allowed. Also from its own callback. */
void http_handshake_free(struct http_handshake *h);

#endif
