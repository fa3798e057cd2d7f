/*
 * A TLS handshake of the HTTP server. A single step may take a millisecond of the loop, and anybody may ask
 * for thousands of handshakes at once, so each step waits for a turn of its line (common/http/http_turns.h).
 * Private to the HTTP server.
 */
#ifndef CORRAL_COMMON_HTTP_HTTP_HANDSHAKE_H
#define CORRAL_COMMON_HTTP_HTTP_HANDSHAKE_H

#include "common/http/http_turns.h"
#include "common/io/tls_server.h"

struct bufferevent;
struct http_handshake;

/* Called when the handshake is over. io: the connection, which the callee now owns; NULL: the handshake
 * failed. The callee still has to free the handshake. */
typedef void http_handshake_cb(void *arg, struct bufferevent *io);

/* Takes session. line must outlive the handshake. */
struct http_handshake *http_handshake_new(struct loop *loop, struct http_turns *turns, struct http_line *line,
                                          struct tls_session *session, http_handshake_cb *cb, void *arg);

/* Frees the handshake, and gives it up if it is not over. NULL is allowed. May be called from its own
 * callback. */
void http_handshake_free(struct http_handshake *h);

#endif
