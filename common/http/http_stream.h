/*
 * Exchanges that last longer than one request and one answer: bodies in pieces, answers of unknown length,
 * and connections that are handed over (upgrade). One exchange is one stream. One of http_stream_body,
 * http_stream_begin and http_stream_upgrade begins it, while the exchange is owed an answer.
 *
 * Flow control works both ways. After on_piece has returned false, no piece comes until http_stream_more;
 * what waits meanwhile is the size of a head. Of written bytes at most HTTP_STREAM_HIGH may wait: past that,
 * http_stream_write returns false, and on_room tells when few are left. An owner that writes on regardless
 * loses the connection at HTTP_STREAM_MAX. Waiting bytes are charged as everywhere
 * (common/http/http_server.h).
 *
 * Timeouts: if no byte of a body comes for body_ms although the owner takes pieces, the client is answered
 * 408 (if an answer has begun, the connection ends). If the peer takes no byte for write_ms, the connection
 * ends. A stream without output has no timeout, and a handed-over connection has none at all: its owner must
 * find out by pings, and by http_stream_waiting. A client that closes its side while it receives a stream
 * counts as gone.
 *
 * Callbacks are never made inside these functions, but these functions may be called inside the callbacks.
 * The exchange belongs to the owner until http_stream_end, http_stream_break or http_answer, also after
 * on_gone.
 */
#ifndef CORRAL_COMMON_HTTP_HTTP_STREAM_H
#define CORRAL_COMMON_HTTP_HTTP_STREAM_H

#include "common/http/http_server.h"

#define HTTP_STREAM_HIGH 65536
#define HTTP_STREAM_LOW  16384
#define HTTP_STREAM_MAX  (1u << 20)

/* Each except on_gone may be NULL if it cannot be called. */
struct http_stream_ops {
    /* The next bytes of the body, or of the peer of a handed-over connection; borrowed. Return false to
     * get no more now. */
    bool (*on_piece)(void *arg, const void *bytes, size_t len);
    /* The body is complete; or the peer of a handed-over connection sends no more. */
    void (*on_end)(void *arg);
    /* There is room again. Called only after a write has returned false. */
    void (*on_room)(void *arg);
    /* The client is gone, was too slow, or was refused. The last callback; later writes are dropped. */
    void (*on_gone)(void *arg);
};

/*
 * Hands the body on in pieces, at most max bytes (413 past that). Finish by http_answer, or continue by
 * http_stream_begin; both also before the end of the body. Returns false if the client has gone already; x is
 * freed then. A body with a stated length above limits.body_bytes gets this far only if body_max of
 * http_server_ops allows it.
 */
bool http_stream_body(struct http_exchange *x, uint64_t max, const struct http_stream_ops *ops,
                      void *arg) MUST_CHECK;

/*
 * For a request that was read whole, or has no body, and whose answer takes long: on_gone tells that the
 * client no longer waits for it; a client that ends its side counts as gone. The body is dropped, since it
 * cannot be given up while the answer is owed. Then call http_answer, http_stream_begin or
 * http_stream_upgrade. Returns false if the client is gone already; then x is gone, too.
 */
bool http_stream_await(struct http_exchange *x, const struct http_stream_ops *ops, void *arg) MUST_CHECK;

/*
 * Begins an answer of unknown length: in chunks, or for HTTP/1.0 until the connection ends. The answer to a
 * HEAD has no body: written bytes are dropped, and http_stream_is_head tells beforehand. Arguments as in
 * http_answer. ops and arg replace those of http_stream_body. Returns false if the client is gone already;
 * then x is gone, too.
 */
bool http_stream_begin(struct http_exchange *x, int status, const char *type, const char *headers,
                       const struct http_stream_ops *ops, void *arg) MUST_CHECK;

/* Call before http_stream_begin: the answer has this length, and states it. One that ends with less is
 * broken, and more is dropped. */
void http_stream_size(struct http_exchange *x, uint64_t length);

/* Whether the client asks for this protocol: GET, HTTP/1.1, both Upgrade and Connection name it, no body. */
bool http_stream_may_upgrade(const struct http_exchange *x, const char *protocol);

/* Answers 101 and hands the connection over: from here on plain bytes both ways. The connection still
 * counts and is charged as before. headers: further lines. Returns false if the client is gone already; then
 * x is gone, too. */
bool http_stream_upgrade(struct http_exchange *x, const char *protocol, const char *headers,
                         const struct http_stream_ops *ops, void *arg) MUST_CHECK;

/* The owner takes further pieces. */
void http_stream_more(struct http_exchange *x);

/* Writes a copy of the bytes. Returns false if the owner should wait for on_room (these bytes are written
 * all the same), or if the client is gone. */
bool http_stream_write(struct http_exchange *x, const void *bytes, size_t len);

bool http_stream_is_head(const struct http_exchange *x);

/* The number of written bytes that the connection has not taken. */
size_t http_stream_waiting(const struct http_exchange *x);

/* The number of written bytes that have not arrived at the client's host: also those that the kernel sends,
 * and would lose with the connection. */
size_t http_stream_unsent(const struct http_exchange *x);

/* The owner keeps so many bytes for this stream, from now on: they are charged to the connection. */
void http_stream_hold(struct http_exchange *x, size_t bytes);

/* All is written; frees x. The connection serves its next request; a handed-over one ends. */
void http_stream_end(struct http_exchange *x);

/* The stream cannot continue: ends the connection in a way that shows the client that something is
 * missing. Frees x. */
void http_stream_break(struct http_exchange *x);

#endif
