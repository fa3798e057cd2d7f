/* POST /sandbox/{id}/processes/{pid}/stdin: the body's bytes, as the process takes them. */
#include "controller/ops/ops.h"

#include "common/base/mem.h"
#include "controller/api/api_stream.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_MAX (64u << 10) /* as much as the server reads at once */

struct input_call {
    struct api_call *call;
    struct hub_stream *stream;
    uint8_t *rest; /* of a piece of the body that the stream did not take whole */
    size_t rest_at, rest_len;
    bool whole, told_end;
};

static void input_free(struct input_call *p)
{
    free(p->rest);
    free(p);
}

static bool is_rest_gone(struct input_call *p)
{
    size_t room = hub_room(p->stream), left = p->rest_len - p->rest_at, some = left < room ? left : room;
    if (some)
        hub_write(p->stream, p->rest + p->rest_at, some);
    p->rest_at += some;
    return p->rest_at == p->rest_len;
}

/* Sends what the stream takes now; false: bytes are left. */
static bool go_on(struct input_call *p)
{
    const struct stream_message end = {.kind = STREAM_INPUT_END};
    if (!is_rest_gone(p))
        return false;
    p->rest_at = p->rest_len = 0;
    if (p->whole && !p->told_end)
        p->told_end = hub_say(p->stream, &end);
    return true;
}

/* --- from the client --- */

static bool on_piece(void *arg, const void *bytes, size_t len)
{
    struct input_call *p = arg;
    p->rest = mem_grow(p->rest, len, 1);
    memcpy(p->rest, bytes, len);
    p->rest_len = len;
    return go_on(p);
}

static void on_end(void *arg)
{
    struct input_call *p = arg;
    p->whole = true;
    (void)go_on(p);
}

static void on_gone(void *arg)
{
    struct input_call *p = arg;
    hub_stream_end(p->stream);
    ops_fail(p->call, ERR_CANCELLED, "its client is gone"); /* into nothing */
    input_free(p);
}

/* --- from the node --- */

static void on_room(void *arg)
{
    struct input_call *p = arg;
    bool waited = p->rest_len > 0;
    if (go_on(p) && waited && !p->whole)
        http_stream_more(p->call->exchange);
}

static void on_closed(void *arg, int code, const char *text)
{
    struct input_call *p = arg;
    if (code)
        ops_fail(p->call, code == ERR_CANCELLED ? ERR_WRONG_STATE : code, text);
    else if (!p->told_end) /* before all of it was sent */
        ops_fail(p->call, ERR_PROTOCOL, "its node told an end of what has none yet");
    else
        api_answer_empty(p->call, 204, NULL);
    input_free(p);
}

void ops_process_input(void *owner, struct api_call *call)
{
    static const struct hub_stream_ops node_ops = {.on_room = on_room, .on_closed = on_closed};
    static const struct http_stream_ops body_ops = {
        .on_piece = on_piece, .on_end = on_end, .on_gone = on_gone};
    struct controller *c = owner;
    struct stream_open open = {.op = STREAM_INPUT};
    char node[NODE_NAME_MAX + 1], eof[8];
    struct err e;
    if (!ops_process_pid(call, &open.pid) || !ops_inside(c, call, &open.sandbox, node))
        return;
    open.eof = http_query_get(call->exchange, "eof", eof, sizeof eof) && !strcmp(eof, "true");
    struct input_call *p = mem_zalloc(sizeof *p);
    p->call = call;
    if (hub_stream_open(leader_streams(c->leader), node, &call->caller, &open, &node_ops, p, &p->stream,
                        &e)) {
        api_answer_err(call, &e);
        input_free(p);
    } else if (!hub_hold(p->stream, PIECE_MAX)) {
        hub_stream_end(p->stream);
        ops_fail(call, ERR_TOO_MANY_STREAMS,
                 "the streams of this key hold as much memory as they may; ask again");
        input_free(p);
    } else if (!api_stream_body(call, UINT64_MAX, &body_ops, p)) {
        hub_stream_end(p->stream);
        input_free(p);
    }
}
