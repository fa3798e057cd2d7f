#include "common/io/relay.h"

#include "common/base/mem.h"

#include <stdlib.h>

#define TURN_RECORDS 8 /* records of one side before other work gets a turn */

struct direction;

struct end {
    struct relay *relay;
    struct stream *stream;
    struct direction *out, *in; /* out: bytes that this end sends; in: bytes for this end */
    struct watch watch;
    bool reads, writes; /* what is watched */
    bool paused;        /* not read now */
};

/* One direction. */
struct direction {
    struct stream *from, *to;
    uint8_t *bytes; /* bytes that `to` has not taken yet; NULL: none */
    size_t at, len;
};

struct relay {
    struct loop *loop;
    struct end a, b;
    struct direction up, down;
    struct later begin;
    loop_cb *cb;
    relay_spent_cb *spent;
    void *arg;
};

/* Bytes that cannot be written now wait. Returns false if the stream is over. */
static bool put(struct direction *direction, const uint8_t *bytes, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = stream_write(direction->to, bytes + done, len - done);
        if (n < 0)
            return false;
        if (!n)
            break;
        done += (size_t)n;
    }
    if (done < len) {
        direction->bytes = mem_dup(bytes + done, len - done);
        direction->len = len - done;
        direction->at = 0;
    }
    return true;
}

static bool flush(struct direction *direction)
{
    while (direction->bytes) {
        ssize_t n =
            stream_write(direction->to, direction->bytes + direction->at, direction->len - direction->at);
        if (n <= 0)
            return !n;
        direction->at += (size_t)n;
        if (direction->at == direction->len)
            mem_free_ptr(&direction->bytes);
    }
    return true;
}

static bool carry(struct direction *direction, bool paused)
{
    uint8_t bytes[TLS_RECORD_MAX];
    if (!flush(direction))
        return false;
    for (int i = 0; i < TURN_RECORDS && !direction->bytes && !paused; i++) {
        ssize_t n = stream_read(direction->from, bytes, sizeof bytes);
        if (n < 0)
            return false;
        if (!n)
            break;
        if (!put(direction, bytes, (size_t)n))
            return false;
    }
    return true;
}

static void on_ready(void *arg, bool readable, bool writable);

static void watch_end(struct end *end)
{
    bool reads = !end->out->bytes && !end->paused, writes = end->in->bytes || stream_blocked(end->stream);
    if (reads == end->reads && writes == end->writes)
        return;
    end->reads = reads;
    end->writes = writes;
    watch_stop(&end->watch);
    if (reads || writes)
        watch_start(&end->watch, end->relay->loop, stream_fd(end->stream), reads, writes, on_ready, end);
}

static void go_on(struct relay *relay, bool up, bool down)
{
    uint64_t before = relay->spent ? loop_spent_us() : 0;
    bool over =
        (up && !carry(&relay->up, relay->a.paused)) || (down && !carry(&relay->down, relay->b.paused));
    if (relay->spent)
        relay->spent(relay->arg, loop_spent_us() - before);
    if (over) {
        watch_stop(&relay->a.watch);
        watch_stop(&relay->b.watch);
        relay->cb(relay->arg);
        return;
    }
    watch_end(&relay->a);
    watch_end(&relay->b);
}

static void on_ready(void *arg, bool readable, bool writable)
{
    struct end *end = arg;
    struct relay *relay = end->relay;
    bool out = readable || stream_blocked(end->stream);
    go_on(relay, end->out == &relay->up ? out : writable, end->out == &relay->up ? writable : out);
}

/* Bytes that came in the same record as the opening are already inside OpenSSL, so the descriptor does
 * not announce them: try to read first. */
static void begin(void *arg)
{
    go_on(arg, true, true);
}

struct relay *relay_new(struct loop *loop, struct stream *a, struct stream *b, loop_cb *cb, void *arg)
{
    struct relay *relay = mem_zalloc(sizeof *relay);
    *relay = (struct relay){.loop = loop, .cb = cb, .arg = arg};
    relay->a = (struct end){.relay = relay, .stream = a, .out = &relay->up, .in = &relay->down};
    relay->b = (struct end){.relay = relay, .stream = b, .out = &relay->down, .in = &relay->up};
    relay->up = (struct direction){.from = a, .to = b};
    relay->down = (struct direction){.from = b, .to = a};
    later_call(&relay->begin, loop, begin, relay);
    return relay;
}

void relay_tell_spent(struct relay *relay, relay_spent_cb *spent)
{
    relay->spent = spent;
}

/* Resumes in a later turn, by reading first: the descriptor does not announce bytes that OpenSSL holds. */
void relay_pause(struct relay *relay, bool paused)
{
    if (relay->a.paused == paused)
        return;
    relay->a.paused = paused;
    if (!paused)
        later_call(&relay->begin, relay->loop, begin, relay);
}

void relay_free(struct relay *relay)
{
    if (!relay)
        return;
    later_cancel(&relay->begin);
    watch_stop(&relay->a.watch);
    watch_stop(&relay->b.watch);
    stream_free(relay->a.stream);
    stream_free(relay->b.stream);
    free(relay->up.bytes);
    free(relay->down.bytes);
    free(relay);
}
