/* What http_connection.c and http_exchange.c use of http_stream.c; private to them. */
#ifndef CORRAL_COMMON_HTTP_HTTP_STREAM_INT_H
#define CORRAL_COMMON_HTTP_HTTP_STREAM_INT_H

#include "common/http/http_server_int.h"

void http_exchange_free(struct http_exchange *x);

/* Turns the exchange into a stream of this kind. Whether the owner takes further pieces carries over. */
void http_stream_set(struct http_exchange *x, enum http_stream_kind kind, const struct http_stream_ops *ops,
                     void *arg);

/* Hands on the available input, as far as the owner takes it, and its end. ended: the peer sends no more.
 * Errors as http_request_body. */
int http_stream_take(struct http_exchange *x, struct evbuffer *in, bool ended, struct err *e) MUST_CHECK;

/* Whether the stream is waiting for bytes of a body. */
bool http_stream_takes(const struct http_exchange *x);

/* Writes one piece with its framing. */
void http_stream_put(struct http_exchange *x, struct evbuffer *out, const void *bytes, size_t len);

/* Calls on_room if the owner waits for room and there is some. */
void http_stream_tell_room(struct http_exchange *x, const struct evbuffer *out);

/* The connection is gone; x may be freed by this call. */
void http_stream_gone(struct http_exchange *x);

#endif
