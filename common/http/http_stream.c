/* The part of a stream that is independent of connections: handing on input, framing output, deciding
 * when the exchange is freed. */
#include "common/http/http_stream_int.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

void http_exchange_free(struct http_exchange *x)
{
    http_request_fini(&x->request);
    free(x);
}

static bool take_piece(void *arg, const char *bytes, size_t len)
{
    struct http_exchange *x = arg;
    x->stream.wants_more = x->stream.ops->on_piece(x->stream.arg, bytes, len);
    return x->stream.wants_more && !x->stream.over;
}

void http_stream_set(struct http_exchange *x, enum http_stream_kind kind, const struct http_stream_ops *ops,
                     void *arg)
{
    struct http_stream *s = &x->stream;
    s->wants_more = ops->on_piece && (s->wants_more || !s->kind);
    s->kind = kind;
    s->ops = ops;
    s->arg = arg;
    x->request.body.sink = take_piece;
    x->request.body.arg = x;
}

/* Hands on the input until it is empty or the owner takes no more. */
static void take_raw(struct http_exchange *x, struct evbuffer *in)
{
    struct evbuffer_iovec piece;
    while (x->stream.wants_more && !x->stream.over && evbuffer_peek(in, -1, NULL, &piece, 1) > 0 &&
           piece.iov_len) {
        (void)take_piece(x, piece.iov_base, piece.iov_len);
        evbuffer_drain(in, piece.iov_len);
    }
}

static int take_body(struct http_exchange *x, struct evbuffer *in, struct err *e)
{
    struct http_request *r = &x->request;
    struct evbuffer_iovec piece;
    while (!r->done && x->stream.wants_more && !x->stream.over &&
           evbuffer_peek(in, -1, NULL, &piece, 1) > 0 && piece.iov_len) {
        size_t used;
        int rc = http_request_body(r, piece.iov_base, piece.iov_len, &used, e);
        if (rc)
            return rc;
        evbuffer_drain(in, used);
    }
    return 0;
}

int http_stream_take(struct http_exchange *x, struct evbuffer *in, bool ended, struct err *e)
{
    struct http_stream *s = &x->stream;
    int rc = 0;
    if (s->kind == STREAM_RAW)
        take_raw(x, in);
    else
        rc = take_body(x, in, e);
    bool whole = s->kind == STREAM_RAW ? ended && !evbuffer_get_length(in) : x->request.done;
    if (rc || s->over || s->told_end || !whole)
        return rc;
    s->told_end = true;
    if (s->ops->on_end)
        s->ops->on_end(s->arg);
    return 0;
}

bool http_stream_takes(const struct http_exchange *x)
{
    const struct http_stream *s = &x->stream;
    return s->kind != STREAM_RAW && s->wants_more && !s->over && !x->request.done;
}

void http_stream_put(struct http_exchange *x, struct evbuffer *out, const void *bytes, size_t len)
{
    struct http_stream *s = &x->stream;
    if (s->sized && len > s->left)
        len = (size_t)s->left;
    if (!len || s->head_only)
        return;
    s->left -= s->sized ? len : 0;
    if (s->chunked)
        evbuffer_add_printf(out, "%zx\r\n", len);
    evbuffer_add(out, bytes, len);
    if (s->chunked)
        evbuffer_add(out, "\r\n", 2);
    s->full = s->full || evbuffer_get_length(out) > HTTP_STREAM_HIGH;
    s->flooded = evbuffer_get_length(out) > HTTP_STREAM_MAX;
}

void http_stream_tell_room(struct http_exchange *x, const struct evbuffer *out)
{
    struct http_stream *s = &x->stream;
    if (s->over || !s->full || evbuffer_get_length(out) > HTTP_STREAM_LOW)
        return;
    s->full = false;
    if (s->ops->on_room)
        s->ops->on_room(s->arg);
}

void http_stream_gone(struct http_exchange *x)
{
    x->connection = NULL;
    x->stream.telling_gone = true;
    if (!x->stream.over)
        x->stream.ops->on_gone(x->stream.arg);
    if (x->stream.over)
        http_exchange_free(x);
    else
        x->stream.telling_gone = false;
}
