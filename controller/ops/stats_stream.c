/* GET /sandbox/{id}/stats/stream: a WebSocket that tells once a second what a sandbox uses. */
#include "controller/ops/ops.h"

#include "common/base/mem.h"
#include "common/http/websocket_handshake.h"
#include "controller/api/api_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVERY_MS 1000

struct stats_stream {
    struct controller *controller;
    struct api_call *call;
    struct sandbox_id id;
    char key_id[KEY_ID_MAX + 1];
    struct websocket *ws;
    struct timer timer;
    struct key_use key;
};

/* --- its end --- */

static void stats_stream_free(struct stats_stream *s)
{
    timer_stop(&s->timer);
    watched_end(s->controller->watched, &s->id);
    key_use_end(&s->key);
    call_share_return(&s->controller->watch_shares, s->key_id);
    free(s);
}

static void close_with(struct stats_stream *s, unsigned code, const char *reason)
{
    websocket_close(s->ws, code, reason);
    stats_stream_free(s);
}

static void on_key_ended(void *arg, int code, const char *text)
{
    close_with(arg, WEBSOCKET_POLICY, text);
}

static void on_closed(void *arg, unsigned code)
{
    stats_stream_free(arg);
}

/* --- what it tells --- */

/* A client that takes less than is told gets the latest figures when it takes again. */
static void tell(void *arg)
{
    struct stats_stream *s = arg;
    const struct cluster_state *cluster = leader_state(s->controller->leader);
    struct cluster_state_view view;
    char text[STATS_JSON_MAX];
    timer_start(&s->timer, s->controller->loop, EVERY_MS, tell, s);
    if (!cluster)
        close_with(s, WEBSOCKET_RESTART, "this controller does not lead any more");
    else if (!cluster_state_find(cluster, &s->id, &view))
        close_with(s, WEBSOCKET_NORMAL, "the sandbox has ended");
    else if (websocket_has_room(s->ws) && ops_stats_now(s->controller, &s->id, &view, text))
        websocket_write(s->ws, true, text, strlen(text));
}

/* What a client says is not for anybody. */
static bool on_message(void *arg, bool text, const uint8_t *bytes, size_t len)
{
    return true;
}

static void on_room(void *arg)
{
}

/* --- the request --- */

static void on_found(void *arg, int code, const struct err *e, const char *json)
{
    if (code)
        api_answer_err(arg, e);
    else
        ops_fail(arg, ERR_WRONG_STATE, "the sandbox has ended; its last figures are in its last event");
}

/* Answers the call where it is refused. What an administrator sees of others ends with that role. */
static bool may_begin(struct controller *c, struct api_call *call, struct sandbox_id *id)
{
    const struct cluster_state *cluster = leader_state(c->leader);
    struct cluster_state_view view;
    if (!ops_sandbox_id(call, id))
        return false;
    if (!cluster || !cluster_state_find(cluster, id, &view)) {
        db_sandbox_get(c->pool, id->text, ops_owner(call), on_found, call);
        return false;
    }
    bool own = !strcmp(view.user, call->caller.user_id);
    if (!own && ops_owner(call)) {
        ops_fail(call, ERR_NOT_FOUND, "There is no such sandbox");
        return false;
    }
    if (!call_share_take(&c->watch_shares, call->caller.key_id, WATCHES_MAX)) {
        ops_fail(call, ERR_TOO_MANY_STREAMS, "this key has 1024 streams of events and figures already");
        return false;
    }
    call->caller.needs_admin = !own;
    return true;
}

static void on_end(void *arg)
{
    api_stream_end(arg);
}

void ops_stats_stream(void *owner, struct api_call *call)
{
    static const char *const no_protocols[] = {NULL};
    static const struct websocket_ops ops = {
        .on_message = on_message, .on_room = on_room, .on_closed = on_closed};
    struct controller *c = owner;
    struct websocket_handshake handshake;
    struct sandbox_id id;
    struct err e;
    if (websocket_handshake_check(&handshake, call->exchange, no_protocols, &e)) {
        api_answer_err(call, &e);
        return;
    }
    if (!may_begin(c, call, &id))
        return;
    struct stats_stream *s = mem_zalloc(sizeof *s);
    *s = (struct stats_stream){.controller = c, .call = call, .id = id};
    watched_begin(c->watched, &id);
    s->ws = websocket_new(c->websockets, call->exchange, on_end, call, &ops, s);
    snprintf(s->key_id, sizeof s->key_id, "%s", call->caller.key_id);
    key_use_begin(c->keys, &s->key, &call->caller, on_key_ended, s);
    if (!api_stream_upgrade(call, handshake.headers, &websocket_stream_ops, s->ws)) {
        websocket_drop(s->ws);
        stats_stream_free(s);
        return;
    }
    tell(s);
}
