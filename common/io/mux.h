/*
 * Multiplexes streams over one connection between daemons (common/io/tls_mutual.h carries the bytes):
 * numbered streams, with a flow-control window for each direction of each stream, as in HTTP/2 (RFC 9113,
 * section 5.2).
 *
 * One side opens streams (the controller), the other serves them (the agent). A stream carries bytes on
 * numbered channels in both directions. A writer sends no more than the reader has granted, so a reader that
 * grants nothing stops its writer, and no buffer grows. A peer that sends past its window, or breaks another
 * rule, loses the connection.
 *
 * Memory: at most the sum of the windows waits to be sent. While mux_is_full, no stream is opened, and owners
 * that can wait should not write. Received bytes are passed to the owner at once and not stored. A peer that
 * takes no byte for MUX_LOST_MS loses the connection.
 *
 * On the loop. No callback is made inside a call; inside a callback every function but mux_free may be
 * called.
 */
#ifndef CORRAL_COMMON_IO_MUX_H
#define CORRAL_COMMON_IO_MUX_H

#include "common/io/loop.h"
#include "common/io/tls_mutual.h"

#include <stddef.h>

#define MUX_OPEN_MAX    (256u << 10) /* bytes of the message that opens a stream */
#define MUX_TEXT_MAX    500          /* bytes of the sentence that closes one */
#define MUX_DATA_MAX    16384        /* bytes in one frame; longer writes are cut */
#define MUX_WINDOW      (64u << 10)  /* each way of a stream, at first */
#define MUX_WINDOW_MAX  (1u << 20)   /* that a reader may have granted */
#define MUX_WIDE        (256u << 10) /* of a stream that was widened */
#define MUX_WIDE_MOST   32           /* such streams at once */
#define MUX_STREAMS_MAX 8192         /* at once */
#define MUX_FULL        (1u << 20)   /* bytes that wait to be sent */
#define MUX_PING_MS     5000
#define MUX_LOST_MS     20000 /* without a byte of the peer, or without one that it takes */
#define MUX_LOST        (-1)  /* the code of a stream whose connection was lost */

struct mux;
struct mux_stream;

struct mux_ops {
    /* The peer opened a stream with this message (borrowed). The callee must call mux_serve or mux_close, now
     * or later. NULL if the peer may not open streams. */
    void (*on_open)(void *owner, struct mux_stream *stream, const uint8_t *bytes, size_t len);
    /* The connection can take more after mux_is_full. May be NULL. */
    void (*on_drained)(void *owner);
    /* The connection is over, and on_closed of all its streams was called. The last callback. The callee must
     * call mux_free, now or later. */
    void (*on_over)(void *owner, const char *why);
};

struct mux_stream_ops {
    /* Bytes from the peer, borrowed. Call mux_took when they are processed. */
    void (*on_data)(void *arg, unsigned channel, const uint8_t *bytes, size_t len);
    /* The peer has granted more, so mux_room has grown. May be NULL. */
    void (*on_room)(void *arg);
    /* The peer has closed the stream, or the connection is over (code MUX_LOST). The last callback; the
     * stream is freed. */
    void (*on_closed)(void *arg, int code, const char *text);
};

/* Takes carrier. Its opening bytes (msglink_stream_introduce) have been read already. */
struct mux *mux_new(struct loop *loop, struct stream *carrier, const struct mux_ops *ops, void *owner);

/* Closes the connection and frees all its streams, without callbacks. NULL is allowed. */
void mux_free(struct mux *mux);

/* Opens a stream. Returns NULL if there are too many streams, bytes are too long, the connection is full, or
 * over. */
struct mux_stream *mux_open(struct mux *mux, const uint8_t *bytes, size_t len,
                            const struct mux_stream_ops *ops, void *arg);

/* Sets the callbacks of a stream that the peer opened. Bytes that arrived earlier are delivered then. */
void mux_serve(struct mux_stream *stream, const struct mux_stream_ops *ops, void *arg);

/* The number of bytes that may be written now. */
size_t mux_room(const struct mux_stream *stream);

/* Writes a copy of the bytes. len: at most mux_room; channel: at most 255. */
void mux_write(struct mux_stream *stream, unsigned channel, const void *bytes, size_t len);

/* len bytes of on_data are processed: the peer may send as many again. */
void mux_took(struct mux_stream *stream, size_t len);

/* Raises the window of what the peer sends from MUX_WINDOW to MUX_WIDE, for a stream that carries much. No
 * effect while MUX_WIDE_MOST streams of the connection have that. At most once per stream. */
void mux_widen(struct mux_stream *stream);

/* Ends the stream both ways, after what was written, and frees it. code: 0 to 65535, of the owners' choice.
 */
void mux_close(struct mux_stream *stream, int code, const char *text);

/* Whether MUX_FULL bytes or more wait to be sent on the stream's connection. */
bool mux_is_full(const struct mux_stream *stream);

/* Whether the connection is in use: false from its end on, also before on_over. */
bool mux_stands(const struct mux *mux);

size_t mux_streams(const struct mux *mux);

/* The connection of the stream. */
struct mux *mux_of(const struct mux_stream *stream);

#endif
