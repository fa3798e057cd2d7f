/*
 * The opening handshake of a WebSocket (RFC 6455, section 4.2), as its server checks and answers it. No I/O,
 * no clock.
 */
#ifndef CORRAL_COMMON_HTTP_WEBSOCKET_HANDSHAKE_H
#define CORRAL_COMMON_HTTP_WEBSOCKET_HANDSHAKE_H

#include "common/base/err.h"
#include "common/http/http_stream.h"

#define WEBSOCKET_HEADERS_MAX 256

struct websocket_handshake {
    const char *protocol;                /* that both sides know, of those that were passed; NULL: none */
    char headers[WEBSOCKET_HEADERS_MAX]; /* of the answer, for http_stream_upgrade */
};

/*
 * Checks a request that asks for an upgrade to "websocket" (http_stream_may_upgrade). protocols: subprotocols
 * that the server knows, the best first, NULL after the last; those that stay static. It is the caller who
 * decides what to do if the client knows none of them. ERR_BAD_REQUEST; ERR_UPGRADE_REQUIRED for another
 * version of WebSocket.
 */
int websocket_handshake_check(struct websocket_handshake *out, const struct http_exchange *x,
                              const char *const *protocols, struct err *e) MUST_CHECK;

#endif
