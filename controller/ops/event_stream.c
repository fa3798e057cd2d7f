/*
 * The live stream of events, of GET /sandbox/events and GET /sandbox/{id}/events: as Server-Sent Events, or
 * as a WebSocket of text messages. Each stream walks the feed (controller/events/event_feed.h) at its
 * client's pace. What its client does not take stays in the feed and in the database: a stream holds
 * HTTP_STREAM_HIGH bytes and one event at most. A client that takes nothing for long is dropped by the layers
 * below, and comes back with the id of the last event that it has.
 */
#include "controller/ops/event_stream.h"

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/http/http_accept.h"
#include "common/http/sse.h"
#include "common/http/websocket_handshake.h"
#include "controller/api/api_stream.h"
#include "controller/db/db_event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_EVENTS 100  /* of a read of one that is behind: about what the client's buffer takes */
#define RETRY_MS    1000 /* after the database failed */
#define TURN_MS     100  /* after the gate was full */
#define HEADERS_MAX 384

struct event_stream {
    LIST_ENTRY(event_stream) link;
    struct controller *controller;
    struct api_call *call;
    struct websocket *ws; /* NULL: Server-Sent Events */
    struct websocket_handshake handshake;
    bool upgrades;
    bool shows_all;                                     /* for an administrator */
    char user[USER_ID_MAX + 1], key_id[KEY_ID_MAX + 1]; /* of the caller */
    char owner[USER_ID_MAX + 1], sandbox[SANDBOX_ID_LEN + 1], type[EVENT_TYPE_MAX + 1]; /* "": any */
    struct event_filter filter;
    uint64_t after; /* every event up to this number was shown or does not fit */
    bool waits;     /* for the client */
    bool reading;   /* a page, or its turn; over: it is freed after that */
    bool over;
    struct read_ticket ticket;
    struct timer quiet, retry;
    struct event_watch watch;
    struct key_use key;
};

static struct event_stream *stream_of(struct read_ticket *ticket)
{
    return ticket ? (struct event_stream *)(void *)((char *)ticket - offsetof(struct event_stream, ticket))
                  : NULL;
}

/* --- its end --- */

/* The call is the caller's to end. */
static void stream_over(struct event_stream *s)
{
    timer_stop(&s->quiet);
    timer_stop(&s->retry);
    event_watch_end(&s->watch);
    key_use_end(&s->key);
    LIST_REMOVE(s, link);
    call_share_return(&s->controller->watch_shares, s->key_id);
    s->over = true;
    if (!s->reading)
        free(s);
}

/* id: the client's position; NULL: it stays. */
static void write_comment(struct event_stream *s, const char *comment, const char *id)
{
    struct text text = {0};
    sse_comment(&text, comment, id);
    if (!http_stream_write(s->call->exchange, text.data, text.len))
        s->waits = true;
    text_fini(&text);
}

/* In good order: all that was written arrives, and why it ends. */
static void end_with(struct event_stream *s, unsigned code, const char *why)
{
    if (s->ws) {
        websocket_close(s->ws, code, why);
    } else {
        write_comment(s, why, NULL);
        api_stream_end(s->call);
    }
    stream_over(s);
}

static void on_key_ended(void *arg, int code, const char *text)
{
    end_with(arg, code == ERR_DATABASE_UNAVAILABLE ? WEBSOCKET_LATER : WEBSOCKET_POLICY, text);
}

static void on_websocket_closed(void *arg, unsigned code)
{
    stream_over(arg);
}

static void on_websocket_end(void *arg)
{
    api_stream_end(arg);
}

static void on_gone(void *arg)
{
    struct event_stream *s = arg;
    api_stream_end(s->call);
    stream_over(s);
}

/* --- what it shows --- */

static void show(struct event_stream *s, const struct event_row *row)
{
    char id[EVENT_ID_LEN + 1];
    struct text text = {0};
    s->after = row->seq;
    if (!event_fits(&s->filter, row))
        return;
    if (s->ws) {
        s->waits = !websocket_write(s->ws, true, row->json, strlen(row->json));
        return;
    }
    event_id_text(row->seq, id);
    sse_event(&text, id, NULL, row->json);
    s->waits = !http_stream_write(s->call->exchange, text.data, text.len);
    text_fini(&text);
}

static void read_page(struct event_stream *s);

static void go_on(void *arg)
{
    struct event_stream *s = arg;
    const struct event_row *row;
    while (!s->waits && !s->reading && !timer_armed(&s->retry)) {
        switch (event_feed_next(s->controller->events, s->after, &row)) {
        case EVENT_NEXT_NONE:
            return;
        case EVENT_NEXT_BEHIND:
            read_page(s);
            break;
        case EVENT_NEXT_ROW:
            show(s, row);
            break;
        }
    }
}

static void on_room(void *arg)
{
    struct event_stream *s = arg;
    s->waits = false;
    go_on(s);
}

static void on_quiet(void *arg)
{
    struct event_stream *s = arg;
    if (!http_stream_waiting(s->call->exchange))
        write_comment(s, "watching", NULL);
    timer_start(&s->quiet, s->controller->loop, SSE_QUIET_MS, on_quiet, s);
}

/* --- one that is behind --- */

/* Rows that the client does not take now are read again later. */
static void show_page(struct event_stream *s, const struct event_page *page)
{
    size_t i = 0;
    while (i < page->count && !s->waits)
        show(s, &page->rows[i++]);
    if (i == page->count)
        s->after = page->reached;
}

static void ask_page(struct event_stream *s);

/* Lets the next one in; those that ended while they waited only pass. */
static void leave_gate(struct controller *c, struct event_stream *s)
{
    struct event_stream *next = stream_of(read_gate_leave(c->event_gate, &s->ticket));
    while (next && next->over) {
        struct event_stream *passed = next;
        next = stream_of(read_gate_leave(c->event_gate, &passed->ticket));
        free(passed);
    }
    if (next)
        ask_page(next);
}

static void on_page(void *arg, int code, const struct err *e, const struct event_page *page)
{
    struct event_stream *s = arg;
    struct controller *c = s->controller;
    s->reading = false;
    leave_gate(c, s);
    if (s->over) {
        free(s);
    } else if (code) {
        timer_start(&s->retry, c->loop, RETRY_MS, go_on, s);
    } else if (page->gone) {
        end_with(s, WEBSOCKET_LATER, "events_gone: what came next is not kept any more");
    } else {
        show_page(s, page);
        go_on(s);
    }
}

static void ask_page(struct event_stream *s)
{
    db_event_page(s->controller->reads, &s->filter, s->after, PAGE_EVENTS, on_page, s);
}

/* Users take turns, so one with hundreds of streams that are behind waits for its own only. */
static void read_page(struct event_stream *s)
{
    s->ticket = (struct read_ticket){.user = NULL};
    switch (read_gate_enter(s->controller->event_gate, s->user, &s->ticket)) {
    case READ_BEGINS:
        s->reading = true;
        ask_page(s);
        return;
    case READ_WAITS:
        s->reading = true;
        return;
    case READ_USER_FULL:
    case READ_ALL_FULL:
        timer_start(&s->retry, s->controller->loop, TURN_MS, go_on, s);
    }
}

/* --- the answer --- */

/* What a client says is not for anybody. */
static bool on_message(void *arg, bool text, const uint8_t *bytes, size_t len)
{
    return true;
}

static const struct websocket_ops websocket_ops = {
    .on_message = on_message, .on_room = on_room, .on_closed = on_websocket_closed};
static const struct http_stream_ops stream_ops = {.on_room = on_room, .on_gone = on_gone};

/* X-Events-After is the position from which the client is shown events, so that it can come back before the
 * first one, too. */
static bool begin_answer(struct event_stream *s, const char *id)
{
    char headers[HEADERS_MAX];
    snprintf(headers, sizeof headers, "X-Events-After: %s\r\n%s", id,
             s->upgrades ? s->handshake.headers : SSE_HEADERS);
    if (!s->upgrades)
        return api_stream_begin(s->call, 200, SSE_TYPE, headers, &stream_ops, s);
    s->ws = websocket_new(s->controller->websockets, s->call->exchange, on_websocket_end, s->call,
                          &websocket_ops, s);
    if (api_stream_upgrade(s->call, headers, &websocket_stream_ops, s->ws))
        return true;
    websocket_drop(s->ws);
    return false;
}

/* One that was not begun: its call is answered, or gone. */
static void drop(struct event_stream *s)
{
    call_share_return(&s->controller->watch_shares, s->key_id);
    free(s);
}

static void begin(struct event_stream *s, const struct db_event_start *start)
{
    struct controller *c = s->controller;
    char id[EVENT_ID_LEN + 1];
    event_id_text(start->shown, id);
    if (!begin_answer(s, id)) {
        drop(s);
        return;
    }
    if (!s->ws && http_stream_is_head(s->call->exchange)) {
        api_stream_end(s->call);
        drop(s);
        return;
    }
    LIST_INSERT_HEAD(&c->event_streams, s, link);
    key_use_begin(c->keys, &s->key, &s->call->caller, on_key_ended, s);
    event_watch_begin(c->events, &s->watch, start->head, go_on, s);
    if (!s->ws) {
        write_comment(s, "watching", id);
        timer_start(&s->quiet, c->loop, SSE_QUIET_MS, on_quiet, s);
    }
    go_on(s);
}

static const char *or_any(const char *text)
{
    return text[0] ? text : NULL;
}

static void on_start(void *arg, int code, const struct err *e, const struct db_event_start *start)
{
    struct event_stream *s = arg;
    if (code) {
        api_answer_err(s->call, e);
        drop(s);
        return;
    }
    s->after = start->after;
    s->filter = (struct event_filter){
        .user = start->owner ? s->owner : NULL, .sandbox = or_any(s->sandbox), .type = or_any(s->type)};
    snprintf(s->owner, sizeof s->owner, "%s", start->owner ? start->owner : "");
    s->call->caller.needs_admin = s->call->caller.needs_admin || s->shows_all;
    begin(s, start);
}

/* --- the request --- */

bool event_stream_is_asked(const struct api_call *call)
{
    const char *accept = http_header(call->exchange, "accept");
    return api_stream_may_upgrade(call) || http_accept_prefers(accept, SSE_TYPE, "application/json");
}

static bool takes_upgrade(struct event_stream *s)
{
    static const char *const no_protocols[] = {NULL};
    struct err e;
    s->upgrades = api_stream_may_upgrade(s->call);
    if (!s->upgrades || !websocket_handshake_check(&s->handshake, s->call->exchange, no_protocols, &e))
        return true;
    api_answer_err(s->call, &e);
    return false;
}

/* A browser that comes back sends the header, beside the query of the first time. */
static const char *position_of(const struct api_call *call, char after[static EVENT_POSITION_MAX])
{
    const char *last = http_header(call->exchange, "last-event-id");
    if (last && last[0])
        return last;
    return http_query_get(call->exchange, "after", after, EVENT_POSITION_MAX) ? after : ops_cursor(call);
}

void event_stream_start(struct controller *c, struct api_call *call, const char *sandbox)
{
    char user[256], after[EVENT_POSITION_MAX];
    struct event_stream *s = mem_zalloc(sizeof *s);
    *s = (struct event_stream){.controller = c, .call = call, .shows_all = !ops_owner(call)};
    snprintf(s->user, sizeof s->user, "%s", call->caller.user_id);
    snprintf(s->key_id, sizeof s->key_id, "%s", call->caller.key_id);
    snprintf(s->sandbox, sizeof s->sandbox, "%s", sandbox ? sandbox : "");
    (void)http_query_get(call->exchange, "type", s->type, sizeof s->type);
    const char *position = position_of(call, after);
    if (!takes_upgrade(s)) {
        free(s);
        return;
    }
    if (position && (strlen(position) >= EVENT_POSITION_MAX || !utf8_valid(position))) {
        ops_fail(call, ERR_INVALID, "Last-Event-ID: is no event's id");
        free(s);
        return;
    }
    if (!call_share_take(&c->watch_shares, s->key_id, WATCHES_MAX)) {
        ops_fail(call, ERR_TOO_MANY_STREAMS, "this key has 1024 streams of events and figures already");
        free(s);
        return;
    }
    struct db_event_filter filter = {.owner = ops_owner(call), .after = position};
    if (http_query_get(call->exchange, "user", user, sizeof user))
        filter.user = user;
    db_event_start(c->pool, &filter, on_start, s);
}

void event_streams_end(struct controller *c)
{
    struct event_stream *s;
    while ((s = LIST_FIRST(&c->event_streams)))
        end_with(s, WEBSOCKET_RESTART, "the controller stops");
    while ((s = stream_of(read_gate_take_waiting(c->event_gate))))
        free(s);
}
