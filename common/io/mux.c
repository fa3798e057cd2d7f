#include "common/io/mux.h"

#include "common/base/mem.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#define HEAD_LEN    8
#define RECORD_DATA (TLS_RECORD_MAX - HEAD_LEN - 1) /* of a long write, in one frame: it fills a record */
#define READ_TURN   8 /* records in one turn of the loop, before others have theirs */
#define DRAINED     (MUX_FULL / 2)
#define LAST_NUMBER (1u << 31)  /* then the connection has to be made again */
#define KEEP_MAX    (64u << 10) /* bytes of an empty buffer that are kept for longer than MUX_PING_MS */

/* A frame: length of its payload (3 bytes), type (1), number of the stream (4), big-endian; the payload. */
enum type {
    OPEN = 1, /* what opens it */
    DATA,     /* channel, bytes */
    WINDOW,   /* bytes that may be sent further */
    CLOSE,    /* code, text */
    PING,
    PONG,
    TYPES
};

static const struct {
    size_t least, most;
} bounds[TYPES] = {
    [OPEN] = {0, MUX_OPEN_MAX},
    [DATA] = {2, MUX_DATA_MAX + 1},
    [WINDOW] = {4, 4},
    [CLOSE] = {2, 2 + MUX_TEXT_MAX},
    [PING] = {0, 0},
    [PONG] = {0, 0},
};

struct buffer {
    uint8_t *bytes;
    size_t at, len, cap; /* what is in use is at..len */
};

/* What came for a stream that nobody serves yet: frames of DATA, as they are. */
struct early {
    STAILQ_ENTRY(early) link;
    size_t len;
    uint8_t bytes[];
};

struct mux_stream {
    struct mux *mux;
    uint32_t number;
    size_t room;                      /* that may be sent */
    size_t granted;                   /* that the peer may send */
    bool wide;                        /* granted goes up to MUX_WIDE */
    size_t owed;                      /* that is granted again with the next WINDOW */
    const struct mux_stream_ops *ops; /* NULL: not served yet */
    void *arg;
    STAILQ_HEAD(, early) early;
    struct later served;
    UT_hash_handle hh;
};

struct mux {
    struct loop *loop;
    struct stream *carrier;
    struct mux_ops ops;
    void *owner;
    struct mux_stream *streams;
    unsigned wide; /* of them, widened ones */
    uint32_t last; /* number that was opened, by either side */
    struct buffer in, out;
    struct watch watch;
    bool reads, writes; /* what is watched */
    bool unsent;        /* the carrier has gathered what the socket has not taken */
    struct deferred flush;
    struct later go_on, tell; /* tell: that it is over */
    struct timer ping;
    uint64_t heard_ms, taken_ms; /* as loop_awake_ms counts: the peer sent bytes; took some, or none waited */
    bool was_full;
    size_t begun;               /* bytes to send of a frame whose beginning was sent */
    const char *over;           /* why; NULL: it stands */
    struct mux_stream *current; /* whose callback is being made; NULL once it is freed */
};

/* --- buffers --- */

static uint8_t *buffer_room(struct buffer *b, size_t more)
{
    if (b->at && (b->at == b->len || b->at >= b->cap / 2)) {
        memmove(b->bytes, b->bytes + b->at, b->len - b->at);
        b->len -= b->at;
        b->at = 0;
    }
    if (b->len + more > b->cap) {
        b->cap = (b->len + more) * 2;
        b->bytes = mem_grow(b->bytes, b->cap, 1);
    }
    return b->bytes + b->len;
}

static void buffer_took(struct buffer *b, size_t len)
{
    b->at += len;
    if (b->at == b->len)
        b->at = b->len = 0;
}

/* Not each time that it is empty: a stream that carries much would make it again and again. */
static void buffer_shrink(struct buffer *b)
{
    if (!b->len && b->cap > KEEP_MAX) {
        mem_free_ptr(&b->bytes);
        b->cap = 0;
    }
}

/* --- the end of streams --- */

static void stream_drop(struct mux_stream *stream)
{
    struct early *early;
    while ((early = STAILQ_FIRST(&stream->early))) {
        STAILQ_REMOVE_HEAD(&stream->early, link);
        free(early);
    }
    later_cancel(&stream->served);
    stream->mux->wide -= stream->wide;
    HASH_DEL(stream->mux->streams, stream);
    if (stream->mux->current == stream)
        stream->mux->current = NULL;
    free(stream);
}

static void stream_closed(struct mux_stream *stream, int code, const char *text)
{
    const struct mux_stream_ops *ops = stream->ops;
    void *arg = stream->arg;
    stream_drop(stream);
    if (ops)
        ops->on_closed(arg, code, text);
}

/* In a turn of its own, so that no call of the owner's ends in a callback. */
static void tell_over(void *arg)
{
    struct mux *mux = arg;
    while (mux->streams)
        stream_closed(mux->streams, MUX_LOST, mux->over);
    mux->ops.on_over(mux->owner, mux->over);
}

static void fail(struct mux *mux, const char *why)
{
    if (mux->over)
        return;
    mux->over = why;
    watch_stop(&mux->watch);
    timer_stop(&mux->ping);
    deferred_cancel(&mux->flush);
    later_cancel(&mux->go_on);
    later_call(&mux->tell, mux->loop, tell_over, mux);
}

/* --- out --- */

static bool is_full(const struct mux *mux)
{
    return mux->out.len - mux->out.at >= MUX_FULL;
}

static void on_ready(void *arg, bool readable, bool writable);

static void watch_carrier(struct mux *mux)
{
    bool writes = mux->out.len > mux->out.at || mux->unsent || stream_blocked(mux->carrier);
    if (mux->over || (mux->reads && writes == mux->writes))
        return;
    mux->reads = true;
    mux->writes = writes;
    watch_start(&mux->watch, mux->loop, stream_fd(mux->carrier), true, writes, on_ready, mux);
}

/* The size of the payload of the frame that begins here. */
static size_t payload_of(const uint8_t *frame)
{
    uint32_t head;
    memcpy(&head, frame, sizeof head);
    return be32toh(head) >> 8;
}

/*
 * How much the next record takes: frames as they are whole, if one does not fill it. So the reader, which
 * takes a record at a time, has whole frames as a rule, and moves no part of one to the front of its buffer:
 * with frames that lay across records, the agent took 2.2 s of processor for each GiB of a file that came in,
 * and 1.7 s since. *left: how much of its last frame it leaves.
 */
static size_t record_of(const struct mux *mux, size_t *left)
{
    const struct buffer *out = &mux->out;
    size_t n = mux->begun;
    while (n < TLS_RECORD_MAX && out->at + n < out->len) {
        size_t frame = HEAD_LEN + payload_of(out->bytes + out->at + n);
        if (n > mux->begun && n + frame > TLS_RECORD_MAX)
            break;
        n += frame;
    }
    size_t some = n < TLS_RECORD_MAX ? n : TLS_RECORD_MAX;
    *left = n - some;
    return some;
}

static void flush(void *arg)
{
    struct mux *mux = arg;
    struct buffer *out = &mux->out;
    if (out->len - out->at > TLS_RECORD_MAX)
        stream_gather(mux->carrier);
    while (out->at < out->len) {
        size_t left, len = record_of(mux, &left);
        ssize_t n = stream_write(mux->carrier, out->bytes + out->at, len);
        if (n < 0) {
            fail(mux, stream_why(mux->carrier));
            return;
        }
        if (!n)
            break;
        buffer_took(out, (size_t)n);
        mux->begun = left + len - (size_t)n;
        mux->taken_ms = loop_awake_ms(mux->loop);
    }
    int sent = stream_flush(mux->carrier);
    if (sent < 0) {
        fail(mux, stream_why(mux->carrier));
        return;
    }
    mux->unsent = !sent;
    if (out->at == out->len && sent)
        mux->taken_ms = loop_awake_ms(mux->loop);
    watch_carrier(mux);
    if (!mux->was_full || out->len - out->at > DRAINED)
        return;
    mux->was_full = false;
    if (mux->ops.on_drained)
        mux->ops.on_drained(mux->owner);
}

/* Its payload is written by the caller, at what is returned. */
static uint8_t *put(struct mux *mux, enum type type, uint32_t number, size_t len)
{
    uint8_t *at = buffer_room(&mux->out, HEAD_LEN + len);
    uint32_t head[2] = {htobe32((uint32_t)len << 8 | (uint32_t)type), htobe32(number)};
    memcpy(at, head, sizeof head);
    mux->out.len += HEAD_LEN + len;
    if (mux->out.len - mux->out.at >= MUX_FULL)
        mux->was_full = true;
    if (!mux->over)
        deferred_call(&mux->flush, mux->loop, flush, mux);
    return at + HEAD_LEN;
}

static void put_window(struct mux_stream *stream)
{
    uint32_t more = htobe32((uint32_t)stream->owed);
    memcpy(put(stream->mux, WINDOW, stream->number, sizeof more), &more, sizeof more);
    stream->granted += stream->owed;
    stream->owed = 0;
}

static void put_close(struct mux *mux, uint32_t number, int code, const char *text)
{
    size_t len = strnlen(text, MUX_TEXT_MAX);
    uint8_t *at = put(mux, CLOSE, number, 2 + len);
    at[0] = (uint8_t)(code >> 8);
    at[1] = (uint8_t)code;
    memcpy(at + 2, text, len);
}

/* --- in --- */

static void hand_on(struct mux_stream *stream, const uint8_t *payload, size_t len)
{
    stream->ops->on_data(stream->arg, payload[0], payload + 1, len - 1);
}

static struct mux_stream *stream_new_of(struct mux *mux, uint32_t number, const struct mux_stream_ops *ops,
                                        void *arg)
{
    struct mux_stream *stream = mem_zalloc(sizeof *stream);
    *stream = (struct mux_stream){
        .mux = mux, .number = number, .room = MUX_WINDOW, .granted = MUX_WINDOW, .ops = ops, .arg = arg};
    STAILQ_INIT(&stream->early);
    HASH_ADD(hh, mux->streams, number, sizeof stream->number, stream);
    mux->last = number;
    return stream;
}

static const char *on_open(struct mux *mux, uint32_t number, const uint8_t *payload, size_t len)
{
    if (!mux->ops.on_open || number <= mux->last || number >= LAST_NUMBER)
        return "it opens what it may not";
    if (HASH_COUNT(mux->streams) >= MUX_STREAMS_MAX)
        return "it opens too many streams";
    mux->ops.on_open(mux->owner, stream_new_of(mux, number, NULL, NULL), payload, len);
    return NULL;
}

static const char *on_data(struct mux_stream *stream, const uint8_t *payload, size_t len)
{
    if (len - 1 > stream->granted)
        return "it sends more than it was granted";
    stream->granted -= len - 1;
    if (stream->ops && STAILQ_EMPTY(&stream->early)) {
        hand_on(stream, payload, len);
        return NULL;
    }
    struct early *early = mem_zalloc(sizeof *early + len);
    early->len = len;
    memcpy(early->bytes, payload, len);
    STAILQ_INSERT_TAIL(&stream->early, early, link);
    return NULL;
}

static const char *on_window(struct mux_stream *stream, const uint8_t *payload)
{
    uint32_t more;
    memcpy(&more, payload, sizeof more);
    more = be32toh(more);
    if (more > MUX_WINDOW_MAX || stream->room + more > MUX_WINDOW_MAX)
        return "it grants more than it may";
    stream->room += more;
    if (stream->ops && stream->ops->on_room)
        stream->ops->on_room(stream->arg);
    return NULL;
}

static const char *on_close(struct mux_stream *stream, const uint8_t *payload, size_t len)
{
    char text[MUX_TEXT_MAX + 1];
    memcpy(text, payload + 2, len - 2);
    text[len - 2] = 0;
    stream_closed(stream, payload[0] << 8 | payload[1], text);
    return NULL;
}

/* NULL, or what rule it breaks. A stream that is unknown was closed here, before the peer heard of it. */
static const char *take_frame(struct mux *mux, enum type type, uint32_t number, const uint8_t *payload,
                              size_t len)
{
    struct mux_stream *stream;
    if (type == PING && !is_full(mux)) /* a peer that does not read is told nothing */
        put(mux, PONG, 0, 0);
    if (type == PING || type == PONG)
        return NULL;
    if (type == OPEN)
        return on_open(mux, number, payload, len);
    HASH_FIND(hh, mux->streams, &number, sizeof number, stream);
    if (!stream)
        return number > mux->last ? "it speaks of a stream that was never opened" : NULL;
    if (type == DATA)
        return on_data(stream, payload, len);
    return type == WINDOW ? on_window(stream, payload) : on_close(stream, payload, len);
}

/* All frames that are whole. NULL, or what is wrong. */
static const char *take_frames(struct mux *mux)
{
    struct buffer *in = &mux->in;
    while (!mux->over && in->len - in->at >= HEAD_LEN) {
        uint32_t head[2];
        memcpy(head, in->bytes + in->at, sizeof head);
        size_t len = be32toh(head[0]) >> 8, type = be32toh(head[0]) & 0xff;
        if (!type || type >= TYPES || len < bounds[type].least || len > bounds[type].most)
            return "it sends frames that there are not";
        if (in->len - in->at < HEAD_LEN + len)
            break;
        const char *wrong =
            take_frame(mux, (enum type)type, be32toh(head[1]), in->bytes + in->at + HEAD_LEN, len);
        if (wrong)
            return wrong;
        buffer_took(in, HEAD_LEN + len);
    }
    return NULL;
}

/* Whether something came. */
static bool read_record(struct mux *mux)
{
    ssize_t n = stream_read(mux->carrier, buffer_room(&mux->in, TLS_RECORD_MAX), TLS_RECORD_MAX);
    if (n < 0)
        fail(mux, stream_why(mux->carrier));
    if (n <= 0)
        return false;
    mux->in.len += (size_t)n;
    mux->heard_ms = loop_awake_ms(mux->loop);
    const char *wrong = take_frames(mux);
    if (wrong)
        fail(mux, wrong);
    return !mux->over;
}

static void go_on(void *arg);

static void read_some(struct mux *mux)
{
    int records = 0;
    while (records < READ_TURN && read_record(mux))
        records++;
    if (!mux->over && records == READ_TURN && stream_has_read(mux->carrier))
        later_call(&mux->go_on, mux->loop, go_on, mux);
    watch_carrier(mux);
}

/* What no descriptor tells of: what came with the words before the first frame, and what was read ahead. */
static void go_on(void *arg)
{
    read_some(arg);
}

static void on_ready(void *arg, bool readable, bool writable)
{
    struct mux *mux = arg;
    if (writable && !mux->over)
        flush(mux);
    if ((readable || stream_blocked(mux->carrier)) && !mux->over)
        read_some(mux);
}

static void on_ping(void *arg)
{
    struct mux *mux = arg;
    uint64_t silent_ms = loop_awake_ms(mux->loop) - mux->heard_ms;
    if (mux->out.at == mux->out.len && !mux->unsent)
        mux->taken_ms = loop_awake_ms(mux->loop);
    if (silent_ms >= MUX_LOST_MS || loop_awake_ms(mux->loop) - mux->taken_ms >= MUX_LOST_MS) {
        fail(mux, silent_ms >= MUX_LOST_MS ? "the peer does not answer" : "the peer does not read");
        return;
    }
    buffer_shrink(&mux->in);
    buffer_shrink(&mux->out);
    stream_gather_no_more(mux->carrier);
    if (silent_ms >= MUX_PING_MS)
        put(mux, PING, 0, 0);
    timer_start(&mux->ping, mux->loop, MUX_PING_MS, on_ping, mux);
}

/* --- what the owner calls --- */

struct mux *mux_new(struct loop *loop, struct stream *carrier, const struct mux_ops *ops, void *owner)
{
    struct mux *mux = mem_zalloc(sizeof *mux);
    *mux = (struct mux){.loop = loop, .carrier = carrier, .ops = *ops, .owner = owner};
    mux->heard_ms = mux->taken_ms = loop_awake_ms(loop);
    stream_read_ahead(carrier);
    later_call(&mux->go_on, loop, go_on, mux);
    timer_start(&mux->ping, loop, MUX_PING_MS, on_ping, mux);
    return mux;
}

void mux_free(struct mux *mux)
{
    if (!mux)
        return;
    while (mux->streams)
        stream_drop(mux->streams);
    watch_stop(&mux->watch);
    timer_stop(&mux->ping);
    deferred_cancel(&mux->flush);
    later_cancel(&mux->go_on);
    later_cancel(&mux->tell);
    stream_free(mux->carrier);
    free(mux->in.bytes);
    free(mux->out.bytes);
    free(mux);
}

struct mux_stream *mux_open(struct mux *mux, const uint8_t *bytes, size_t len,
                            const struct mux_stream_ops *ops, void *arg)
{
    if (mux->over || is_full(mux) || len > MUX_OPEN_MAX || HASH_COUNT(mux->streams) >= MUX_STREAMS_MAX)
        return NULL;
    if (mux->last + 1 >= LAST_NUMBER) {
        fail(mux, "all its numbers are used up");
        return NULL;
    }
    struct mux_stream *stream = stream_new_of(mux, mux->last + 1, ops, arg);
    uint8_t *at = put(mux, OPEN, stream->number, len);
    if (len)
        memcpy(at, bytes, len);
    return stream;
}

/* What came early is handed on in a turn of its own. */
static void hand_on_early(void *arg)
{
    struct mux_stream *stream = arg;
    struct mux *mux = stream->mux;
    struct early *early;
    mux->current = stream;
    while (mux->current && (early = STAILQ_FIRST(&stream->early))) {
        STAILQ_REMOVE_HEAD(&stream->early, link);
        hand_on(stream, early->bytes, early->len);
        free(early);
    }
    mux->current = NULL;
}

void mux_serve(struct mux_stream *stream, const struct mux_stream_ops *ops, void *arg)
{
    stream->ops = ops;
    stream->arg = arg;
    if (!STAILQ_EMPTY(&stream->early))
        later_call(&stream->served, stream->mux->loop, hand_on_early, stream);
}

size_t mux_room(const struct mux_stream *stream)
{
    return stream->room;
}

void mux_write(struct mux_stream *stream, unsigned channel, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    if (len >
        stream->room) { /* the owner's mistake: better without this connection than with a wrong window */
        fail(stream->mux, "more was to be sent than the peer has granted");
        return;
    }
    for (size_t done = 0; done < len;) {
        size_t some = len - done <= MUX_DATA_MAX ? len - done : RECORD_DATA;
        uint8_t *at = put(stream->mux, DATA, stream->number, some + 1);
        at[0] = (uint8_t)channel;
        memcpy(at + 1, from + done, some);
        stream->room -= some;
        done += some;
    }
}

/* A quarter of a window at a time, so that a reader of small pieces does not answer each; half of a wide one.
 */
void mux_took(struct mux_stream *stream, size_t len)
{
    stream->owed += len;
    if (stream->owed >= (stream->wide ? MUX_WIDE / 2 : MUX_WINDOW / 4))
        put_window(stream);
}

void mux_widen(struct mux_stream *stream)
{
    if (stream->wide || stream->mux->wide == MUX_WIDE_MOST)
        return;
    stream->wide = true;
    stream->mux->wide++;
    stream->owed += MUX_WIDE - MUX_WINDOW;
    put_window(stream);
}

void mux_close(struct mux_stream *stream, int code, const char *text)
{
    if (!stream->mux->over)
        put_close(stream->mux, stream->number, code, text);
    stream_drop(stream);
}

bool mux_is_full(const struct mux_stream *stream)
{
    return is_full(stream->mux);
}

size_t mux_streams(const struct mux *mux)
{
    return HASH_COUNT(mux->streams);
}

struct mux *mux_of(const struct mux_stream *stream)
{
    return stream->mux;
}

bool mux_stands(const struct mux *mux)
{
    return !mux->over;
}
