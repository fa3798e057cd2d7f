/*
 * What goes on for longer than a request and its answer: bodies in pieces, answers of unknown length, and
 * connections that are handed over (upgrade). One exchange is one stream, begun by one of the first three
 * functions while it is owed an answer.
 *
 * Both ways hold the other side back. No piece comes after on_piece returned false, until http_stream_more;
 * what waits meanwhile is the size of a head. Of what is written at most HTTP_STREAM_HIGH bytes wait: then
 * http_stream_write returns false, and on_room tells when few are left. Anyone who writes on regardless loses
 * the connection past HTTP_STREAM_MAX. What waits is charged as all else is (common/http/http_server.h).
 *
 * Times: a body of which nothing comes for body_ms, though it is wanted, is answered 408 (where an answer was
 * begun, the connection ends); bytes of which nothing is taken for write_ms end the connection. A stream that
 * nobody writes to, and a handed-over connection on which nothing comes, have no limit: their owner's pings
 * find out. A client that sends its end while it is answered by a stream counts as gone.
 *
 * Callbacks are never made inside these functions, but these may be called inside the callbacks. The exchange
 * is the owner's until http_stream_end, http_stream_break or http_answer, also after on_gone.
 */
#ifndef CORRAL_COMMON_HTTP_STREAM_H
#define CORRAL_COMMON_HTTP_STREAM_H

#include "common/http/http_server.h"

#define HTTP_STREAM_HIGH 65536
#define HTTP_STREAM_LOW  16384
#define HTTP_STREAM_MAX  (1u << 20)

/* Each but on_gone may be NULL where it cannot be called. */
struct http_stream_ops {
    /* The next bytes of the body, or of the peer of a connection that was handed over; borrowed. False: no
     * more now. */
    bool (*on_piece)(void *arg, const void *bytes, size_t len);
    /* The body is whole; the peer sends no more. */
    void (*on_end)(void *arg);
    /* There is room again. Only after a write returned false. */
    void (*on_room)(void *arg);
    /* The client is gone, was too slow, or was refused. The last call; what is written goes nowhere. */
    void (*on_gone)(void *arg);
};

/*
 * Hands the body on in pieces, max bytes of it at most (413 past that); then http_answer or
 * http_stream_begin, also before its end. False: the client is gone already, and so is x. A body of a stated
 * length past limits.body_bytes comes this far only where body_max of http_server_ops says so.
 */
bool http_stream_body(struct http_exchange *x, uint64_t max, const struct http_stream_ops *ops,
                      void *arg) MUST_CHECK;

/*
 * Of a request that was read whole, or has no body: its answer takes long, and on_gone tells when nobody waits
 * for it any more, which a client that sends its end counts as. Then http_answer or http_stream_begin, as
 * above. False: the client is gone already, and so is x.
 */
bool http_stream_await(struct http_exchange *x, const struct http_stream_ops *ops, void *arg) MUST_CHECK;

/*
 * Begins an answer of unknown length: in chunks, or to HTTP/1.0 until the connection ends. HEAD gets the head
 * only: what is written is thrown away, and http_stream_is_head says so beforehand. Arguments as of
 * http_answer. ops and arg take the place of those of http_stream_body.
 */
void http_stream_begin(struct http_exchange *x, int status, const char *type, const char *headers,
                       const struct http_stream_ops *ops, void *arg);

/* Whether the client asks for this protocol (GET, HTTP/1.1, Upgrade and Connection say so, no body). */
bool http_stream_may_upgrade(const struct http_exchange *x, const char *protocol);

/* Answers 101 and hands the connection over: from here on bytes as they are, both ways. It counts as before.
 * headers: further ones. */
void http_stream_upgrade(struct http_exchange *x, const char *protocol, const char *headers,
                         const struct http_stream_ops *ops, void *arg);

/* More pieces may come. */
void http_stream_more(struct http_exchange *x);

/* Writes; copied. False: wait for on_room (these bytes are written all the same), or nobody is there. */
bool http_stream_write(struct http_exchange *x, const void *bytes, size_t len);

bool http_stream_is_head(const struct http_exchange *x);

/* All is written; frees x. The connection serves its next request, or of one handed over ends. */
void http_stream_end(struct http_exchange *x);

/* It cannot be gone on with: the connection ends so that the client sees that something is missing. Frees x.
 */
void http_stream_break(struct http_exchange *x);

#endif
