#include "common/http/websocket.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define MISSED_MAX 2
#define TICKS      4 /* how often within the shortest time that is looked at */

const struct websocket_limits websocket_default_limits = {
    .message_bytes = 1u << 20, .ping_ms = 30000, .take_ms = 60000, .close_ms = 5000};

struct websockets {
    struct loop *loop;
    struct websocket_limits limits;
    TAILQ_HEAD(, websocket) open;
    size_t count;
    unsigned closing; /* the code with which all are closed; 0: they are not */
};

struct websocket {
    TAILQ_ENTRY(websocket) link;
    struct websockets *all;
    struct http_exchange *x;
    websocket_end_fn *end;
    void *end_arg;
    const struct websocket_ops *ops; /* NULL: it is not the owner's any more */
    void *arg;
    struct websocket_reader *reader;
    struct timer tick;
    struct later read;
    bool takes;    /* messages */
    bool full;     /* a write returned false */
    bool busy;     /* its bytes are being read: it ends afterwards */
    bool closing;  /* its close frame was written */
    bool over;     /* nothing more is read, and it ends */
    bool has_pong; /* one that waits for room */
    uint8_t pong[WEBSOCKET_CONTROL_MAX];
    size_t pong_len;
    uint64_t written, taken; /* bytes; taken: at the last look */
    /* As loop_awake_ms counts: when bytes were taken, or none waited; when some waited; when its close and
     * its last ping were written. */
    uint64_t taken_ms, waited_ms, closing_ms, ping_ms;
    uint64_t ping_end; /* the last ping is before this byte */
    size_t kept;       /* bytes, by its owner */
    unsigned missed;
    bool heard; /* since the last ping */
};

/* --- its end --- */

static void websocket_free(struct websocket *ws)
{
    timer_stop(&ws->tick);
    later_cancel(&ws->read);
    TAILQ_REMOVE(&ws->all->open, ws, link);
    ws->all->count--;
    websocket_reader_free(ws->reader);
    free(ws);
}

void websocket_drop(struct websocket *ws)
{
    websocket_free(ws);
}

static void finish(struct websocket *ws)
{
    websocket_end_fn *end = ws->end;
    void *arg = ws->end_arg;
    ws->over = true;
    if (ws->busy)
        return;
    websocket_free(ws);
    end(arg);
}

/* The owner learns, as the last thing, why it is over. */
static void tell_closed(struct websocket *ws, unsigned code)
{
    const struct websocket_ops *ops = ws->ops;
    ws->ops = NULL;
    ws->kept = 0;
    if (ops)
        ops->on_closed(ws->arg, code);
}

/* The client is gone. */
static void end_abnormally(struct websocket *ws)
{
    tell_closed(ws, WEBSOCKET_ABNORMAL);
    finish(ws);
}

static void on_tick(void *arg);

static void start_tick(struct websocket *ws)
{
    const struct websocket_limits *l = &ws->all->limits;
    uint32_t least = ws->closing ? l->close_ms : l->ping_ms < l->take_ms ? l->ping_ms : l->take_ms;
    timer_start(&ws->tick, ws->all->loop, least / TICKS, on_tick, ws);
}

static void put(void *arg, const void *bytes, size_t len)
{
    struct websocket *ws = arg;
    ws->written += len;
    if (!http_stream_write(ws->x, bytes, len))
        ws->full = true;
}

static void read_soon(struct websocket *ws);

static void say_close(struct websocket *ws, unsigned code, const char *reason)
{
    if (ws->closing)
        return;
    ws->closing = true;
    ws->closing_ms = loop_awake_ms(ws->all->loop);
    websocket_close_write(code, reason, put, ws);
    start_tick(ws);
    if (!ws->takes) /* the client's close may be behind messages */
        read_soon(ws);
}

/* Closes it from this side, and tells the owner why. */
static void close_for(struct websocket *ws, unsigned code, const char *reason)
{
    say_close(ws, code, reason);
    tell_closed(ws, code);
}

/* --- time --- */

static void look_at_output(struct websocket *ws, uint64_t now)
{
    size_t waiting = http_stream_waiting(ws->x);
    uint64_t taken = ws->written > waiting ? ws->written - waiting : 0;
    if (taken != ws->taken || !waiting)
        ws->taken_ms = now;
    if (waiting)
        ws->waited_ms = now;
    ws->taken = taken;
}

/* A close waits for the client to take what is before it, and then for the client's own close. */
static bool close_is_over(const struct websocket *ws, uint64_t now)
{
    const struct websocket_limits *limits = &ws->all->limits;
    uint64_t since = ws->waited_ms > ws->closing_ms ? ws->waited_ms : ws->closing_ms;
    return now - since >= limits->close_ms || now - ws->closing_ms >= limits->take_ms;
}

/* A ping that nothing followed counts only if the client could see it, and its answer could be read. */
static void ping(struct websocket *ws, uint64_t now)
{
    bool has_left = ws->ping_end <= ws->taken;
    bool counts = ws->ping_end && has_left && ws->takes && !ws->heard;
    ws->missed = counts ? ws->missed + 1 : 0;
    ws->heard = false;
    ws->ping_ms = now;
    if (!has_left)
        return;
    websocket_frame_write(WEBSOCKET_PING, "", 0, put, ws);
    ws->ping_end = ws->written;
}

static void on_tick(void *arg)
{
    struct websocket *ws = arg;
    const struct websocket_limits *limits = &ws->all->limits;
    uint64_t now = loop_awake_ms(ws->all->loop);
    start_tick(ws);
    look_at_output(ws, now);
    if (ws->closing) {
        if (close_is_over(ws, now))
            finish(ws);
        return;
    }
    if (now - ws->ping_ms >= limits->ping_ms)
        ping(ws, now);
    if (ws->all->closing)
        close_for(ws, ws->all->closing, "");
    else if (ws->missed == MISSED_MAX)
        end_abnormally(ws);
    else if (now - ws->taken_ms >= limits->take_ms)
        close_for(ws, WEBSOCKET_LATER, "what was sent is not taken");
}

/* --- what comes --- */

static void send_pong(struct websocket *ws)
{
    if (!ws->has_pong || ws->full || ws->closing)
        return;
    ws->has_pong = false;
    websocket_frame_write(WEBSOCKET_PONG, ws->pong, ws->pong_len, put, ws);
}

static void keep_pong(struct websocket *ws, const struct websocket_read *read)
{
    memcpy(ws->pong, read->bytes, read->len);
    ws->pong_len = read->len;
    ws->has_pong = true;
    send_pong(ws);
}

static void take_message(struct websocket *ws, const struct websocket_read *read)
{
    if (!ws->ops) /* a close is under way */
        return;
    bool more = ws->ops->on_message(ws->arg, read->what == WEBSOCKET_TEXT, read->bytes, read->len);
    ws->takes = more || !ws->ops;
}

static void take(struct websocket *ws, const struct websocket_read *read)
{
    switch (read->what) {
    case WEBSOCKET_TEXT:
    case WEBSOCKET_BINARY:
        take_message(ws, read);
        break;
    case WEBSOCKET_PING:
        keep_pong(ws, read);
        break;
    case WEBSOCKET_CLOSE:
    case WEBSOCKET_BROKEN:
        close_for(ws, read->code, "");
        ws->over = true; /* read_on finishes it */
        break;
    default:
        break;
    }
}

/* Reads what has arrived, as far as it is taken. Returns whether more is taken; if not, ws may be gone. */
static bool read_on(struct websocket *ws)
{
    struct websocket_read read;
    ws->busy = true;
    while (ws->takes && !ws->over && (read = websocket_reader_next(ws->reader)).what)
        take(ws, &read);
    ws->busy = false;
    bool more = ws->takes && !ws->over;
    if (ws->over)
        finish(ws);
    else
        http_stream_hold(ws->x, websocket_reader_held(ws->reader) + ws->kept);
    return more;
}

/* What was read of the connection before comes first. */
static void on_read_soon(void *arg)
{
    struct websocket *ws = arg;
    if (read_on(ws))
        http_stream_more(ws->x);
}

static void read_soon(struct websocket *ws)
{
    ws->takes = true;
    later_call(&ws->read, ws->all->loop, on_read_soon, ws);
}

static bool on_piece(void *arg, const void *bytes, size_t len)
{
    struct websocket *ws = arg;
    ws->heard = true;
    websocket_reader_put(ws->reader, bytes, len);
    return read_on(ws);
}

/* The client has ended its side, without a close. */
static void on_end(void *arg)
{
    end_abnormally(arg);
}

static void on_room(void *arg)
{
    struct websocket *ws = arg;
    ws->full = false;
    send_pong(ws);
    if (ws->ops && !ws->full)
        ws->ops->on_room(ws->arg);
}

static void on_gone(void *arg)
{
    end_abnormally(arg);
}

const struct http_stream_ops websocket_stream_ops = {
    .on_piece = on_piece, .on_end = on_end, .on_room = on_room, .on_gone = on_gone};

/* --- what its owner calls --- */

struct websocket *websocket_new(struct websockets *all, struct http_exchange *x, websocket_end_fn *end,
                                void *end_arg, const struct websocket_ops *ops, void *arg)
{
    struct websocket *ws = mem_zalloc(sizeof *ws);
    uint64_t now = loop_awake_ms(all->loop);
    *ws = (struct websocket){.all = all,
                             .x = x,
                             .end = end,
                             .end_arg = end_arg,
                             .ops = ops,
                             .arg = arg,
                             .reader = websocket_reader_new(all->limits.message_bytes),
                             .takes = true,
                             .taken_ms = now,
                             .ping_ms = now};
    TAILQ_INSERT_TAIL(&all->open, ws, link);
    all->count++;
    if (all->closing)
        timer_start(&ws->tick, all->loop, 0, on_tick, ws);
    else
        start_tick(ws);
    return ws;
}

void websocket_more(struct websocket *ws)
{
    if (!ws->takes)
        read_soon(ws);
}

bool websocket_write(struct websocket *ws, bool text, const void *bytes, size_t len)
{
    websocket_frame_write(text ? WEBSOCKET_TEXT : WEBSOCKET_BINARY, bytes, len, put, ws);
    return !ws->full;
}

void websocket_keep(struct websocket *ws, size_t bytes)
{
    ws->kept = bytes;
    http_stream_hold(ws->x, websocket_reader_held(ws->reader) + bytes);
}

bool websocket_has_room(const struct websocket *ws)
{
    return !ws->full;
}

size_t websocket_unsent(const struct websocket *ws)
{
    return http_stream_unsent(ws->x);
}

void websocket_close(struct websocket *ws, unsigned code, const char *reason)
{
    ws->ops = NULL;
    ws->kept = 0;
    say_close(ws, code, reason);
}

/* --- all --- */

struct websockets *websockets_new(struct loop *loop, const struct websocket_limits *limits)
{
    struct websockets *all = mem_zalloc(sizeof *all);
    *all = (struct websockets){.loop = loop, .limits = *limits};
    TAILQ_INIT(&all->open);
    return all;
}

void websockets_close(struct websockets *all, unsigned code)
{
    struct websocket *ws;
    all->closing = code;
    TAILQ_FOREACH(ws, &all->open, link)
    close_for(ws, code, "");
}

void websockets_free(struct websockets *all)
{
    struct websocket *ws, *next;
    if (!all)
        return;
    for (ws = TAILQ_FIRST(&all->open); ws; ws = next) {
        next = TAILQ_NEXT(ws, link);
        tell_closed(ws, WEBSOCKET_GOING_AWAY);
        finish(ws);
    }
    free(all);
}

size_t websockets_count(const struct websockets *all)
{
    return all->count;
}
