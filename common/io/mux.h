/*
 * Many streams over one connection between daemons (common/io/tls_mutual.h carries its bytes). What HTTP/2
 * does for this is kept, less its requests: numbered streams, a window for each way of each, frames that take
 * turns.
 *
 * One side opens (the controller), the other serves (the agent). A stream carries bytes on numbered channels,
 * both ways. Each way has a window: a writer sends no more than the reader has granted, so a reader that
 * grants nothing stops its writer and no buffer grows. A peer that sends past its window, or breaks another
 * rule, loses the connection.
 *
 * Memory: of what waits to be sent, at most the sum of the windows; while mux_is_full nothing is opened, and
 * writers that can wait should write nothing. A peer that takes nothing for MUX_LOST_MS loses the connection.
 * What comes in is handed on at once and not kept. A frame of the peer is at most MUX_OPEN_MAX bytes long.
 *
 * On the loop. No callback is made inside a call; any function but mux_free may be called in a callback.
 */
#ifndef CORRAL_COMMON_MUX_H
#define CORRAL_COMMON_MUX_H

#include "common/io/loop.h"
#include "common/io/tls_mutual.h"

#include <stddef.h>

#define MUX_OPEN_MAX    (256u << 10) /* bytes of what opens a stream */
#define MUX_TEXT_MAX    500          /* bytes of the sentence that closes one */
#define MUX_DATA_MAX    16384        /* bytes in one frame; longer writes are cut */
#define MUX_WINDOW      (64u << 10)  /* each way of a stream, at first */
#define MUX_WINDOW_MAX  (1u << 20)   /* that a reader may have granted */
#define MUX_STREAMS_MAX 8192         /* at once */
#define MUX_FULL        (1u << 20)   /* bytes that wait to be sent */
#define MUX_PING_MS     5000
#define MUX_LOST_MS     20000 /* without a byte of the peer, or without one that it takes */
#define MUX_LOST        (-1)  /* the code of a stream whose connection was lost */

struct mux;
struct mux_stream;

struct mux_ops {
    /* The peer opened a stream, with these bytes (borrowed): mux_serve or mux_close is due, now or later.
     * NULL where the peer may open none. */
    void (*on_open)(void *owner, struct mux_stream *stream, const uint8_t *bytes, size_t len);
    /* It was full, and is not any more. NULL: nobody asks. */
    void (*on_drained)(void *owner);
    /* The connection is over, and all its streams were told so. The last call; mux_free is due, also in it.
     */
    void (*on_over)(void *owner, const char *why);
};

struct mux_stream_ops {
    /* Bytes of the peer, borrowed. mux_took is due for them once they are dealt with. */
    void (*on_data)(void *arg, unsigned channel, const uint8_t *bytes, size_t len);
    /* The peer has granted more: mux_room has grown. NULL: nobody asks. */
    void (*on_room)(void *arg);
    /* The peer has closed the stream, or the connection is over (MUX_LOST). The last call; it is freed. */
    void (*on_closed)(void *arg, int code, const char *text);
};

/* Takes carrier, on which the words that come before were read already. */
struct mux *mux_new(struct loop *loop, struct stream *carrier, const struct mux_ops *ops, void *owner);

/* Closes the connection. Streams that are left go without a callback. NULL is fine. */
void mux_free(struct mux *mux);

/* Opens a stream. NULL: there are too many, bytes are too long, too much waits to be sent, or it is over. */
struct mux_stream *mux_open(struct mux *mux, const uint8_t *bytes, size_t len,
                            const struct mux_stream_ops *ops, void *arg);

/* From now on the stream is arg's. What came before waits until then. */
void mux_serve(struct mux_stream *stream, const struct mux_stream_ops *ops, void *arg);

/* Bytes that may be written now. */
size_t mux_room(const struct mux_stream *stream);

/* Writes; copied. len is at most mux_room, channel at most 255. */
void mux_write(struct mux_stream *stream, unsigned channel, const void *bytes, size_t len);

/* So many bytes of on_data were dealt with: the peer may send as many again. */
void mux_took(struct mux_stream *stream, size_t len);

/* The peer may have so many bytes more under way than MUX_WINDOW. */
void mux_widen(struct mux_stream *stream, size_t more);

/* Ends the stream both ways, after what was written, and frees it. code: 0 to 65535, of the owners' choice.
 */
void mux_close(struct mux_stream *stream, int code, const char *text);

/* Whether more waits to be sent on its connection than should. */
bool mux_is_full(const struct mux_stream *stream);

/* Whether its owner was not told yet that it is over. */
bool mux_stands(const struct mux *mux);

size_t mux_streams(const struct mux *mux);

/* Of which connection it is. */
struct mux *mux_of(const struct mux_stream *stream);

#endif
