/* What http_connection.c and http_exchange.c ask of http_stream.c; private to them. */
#ifndef CORRAL_COMMON_HTTP_STREAM_INT_H
#define CORRAL_COMMON_HTTP_STREAM_INT_H

#include "common/http/http_server_int.h"

void http_exchange_free(struct http_exchange *x);

/* From now on it is a stream of this kind; what it has wanted it still wants. */
void http_stream_set(struct http_exchange *x, enum http_stream_kind kind, const struct http_stream_ops *ops,
                     void *arg);

/* Hands on what is there, as far as it is wanted, and its end. ended: the peer sends no more. As
 * http_request_body. */
int http_stream_take(struct http_exchange *x, struct evbuffer *in, bool ended, struct err *e) MUST_CHECK;

/* Whether bytes of a body are waited for. */
bool http_stream_takes(const struct http_exchange *x);

/* One piece, framed. */
void http_stream_put(struct http_exchange *x, struct evbuffer *out, const void *bytes, size_t len);

/* Tells that there is room, where that is waited for and there is. */
void http_stream_tell_room(struct http_exchange *x, const struct evbuffer *out);

/* Its connection is gone. x may be, afterwards. */
void http_stream_gone(struct http_exchange *x);

#endif
