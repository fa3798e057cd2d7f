/* GET /sandbox/{id}/logs: the output of a sandbox's command, as its node keeps it. */
#include "controller/ops/ops.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "common/http/http_accept.h"
#include "common/model/log_record.h"
#include "controller/api/api_stream.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS_NS     1000000u
#define TRUNCATED "Corral-Logs-Truncated: true\r\n"

struct log_call {
    struct controller *controller;
    struct api_call *call;
    struct stream_open open;
    struct hub_stream *stream; /* NULL: not opened yet, or over */
    bool lines;                /* application/x-ndjson */
    bool begun;                /* the answer */
    size_t owed;               /* bytes of the node that the client has not taken */
    bool waits;                /* for the client */
    struct log_reader reader;
};

/* --- the body of the answer --- */

/* A line without its end. Bytes that are no UTF-8 come as base64. */
static void put_line(struct json_text *json, const struct log_record *record)
{
    bool ends = log_record_ends_line(record);
    size_t len = record->len - ends;
    char at[RFC3339_LEN + 1];
    rfc3339_format(record->at_ns / MS_NS, at);
    json_text_object(json, NULL);
    json_text_str(json, "at", at);
    json_text_str(json, "stream", record->stream == LOG_STDERR ? "stderr" : "stdout");
    ops_put_bytes(json, "text", record->bytes, len);
    if (!ends)
        json_text_bool(json, "continues", true);
    json_text_end(json);
}

static void write_record(void *arg, const struct log_record *record)
{
    struct log_call *p = arg;
    struct json_text json = {0};
    bool room;
    if (p->lines) {
        put_line(&json, record);
        http_stream_write(p->call->exchange, json.text.data, strlen(json.text.data));
        room = http_stream_write(p->call->exchange, "\n", 1);
        json_text_fini(&json);
    } else {
        room = http_stream_write(p->call->exchange, record->bytes, record->len);
    }
    p->waits = p->waits || !room;
}

/* --- its end --- */

static void log_call_free(struct log_call *p)
{
    if (p->stream)
        hub_stream_end(p->stream);
    free(p);
}

static void on_gone(void *arg)
{
    struct log_call *p = arg;
    if (p->begun)
        api_stream_end(p->call);
    else
        ops_fail(p->call, ERR_CANCELLED, "its client is gone"); /* into nothing */
    log_call_free(p);
}

static void fail(struct log_call *p, int code, const char *text)
{
    if (p->begun)
        api_stream_break(p->call); /* so that the client sees that something is missing */
    else
        ops_fail(p->call, code, text);
    log_call_free(p);
}

/* --- what the node says --- */

static void on_room(void *arg)
{
    struct log_call *p = arg;
    size_t owed = p->owed;
    p->waits = false;
    p->owed = 0;
    if (p->stream)
        hub_took(p->stream, owed);
}

static void begin_answer(struct log_call *p, bool truncated)
{
    static const struct http_stream_ops ops = {.on_room = on_room, .on_gone = on_gone};
    p->begun = true;
    if (api_stream_begin(p->call, 200, p->lines ? "application/x-ndjson" : "text/plain; charset=utf-8",
                         truncated ? TRUNCATED : NULL, &ops, p)) {
        if (!http_stream_is_head(p->call->exchange))
            return;
        api_stream_end(p->call);
    }
    log_call_free(p);
}

static void on_message(void *arg, const struct stream_message *message)
{
    struct log_call *p = arg;
    if (message->kind == STREAM_LOG && !p->begun)
        begin_answer(p, message->truncated);
}

static void on_output(void *arg, enum stream_channel channel, const uint8_t *bytes, size_t len)
{
    struct log_call *p = arg;
    if (!p->begun || !log_reader_feed(&p->reader, bytes, len, write_record, p)) {
        fail(p, ERR_PROTOCOL, "its node said what does not belong there");
        return;
    }
    if (p->waits)
        p->owed += len;
    else
        hub_took(p->stream, len);
}

static void on_closed(void *arg, int code, const char *text)
{
    struct log_call *p = arg;
    p->stream = NULL;
    if (code || !p->begun || p->reader.len) { /* or in the middle of a record */
        fail(p, code ? code : ERR_PROTOCOL, code ? text : "its node said what does not belong there");
        return;
    }
    api_stream_end(p->call);
    log_call_free(p);
}

/* --- the request --- */

static void open_stream(struct log_call *p, const char *node)
{
    static const struct hub_stream_ops ops = {
        .on_output = on_output, .on_message = on_message, .on_closed = on_closed};
    static const struct http_stream_ops waits = {.on_gone = on_gone};
    struct err e;
    if (hub_stream_open(leader_streams(p->controller->leader), node, &p->call->caller, &p->open, &ops, p,
                        &p->stream, &e)) {
        api_answer_err(p->call, &e);
        free(p);
        return;
    }
    if (!api_stream_await(p->call, &waits, p))
        log_call_free(p);
}

static void on_node(void *arg, int code, const struct err *e, const char *node)
{
    struct log_call *p = arg;
    if (!code) {
        open_stream(p, node);
        return;
    }
    api_answer_err(p->call, e);
    free(p);
}

/* Whether a media type is named there; what a client prefers by "q" is not weighed. */
static bool accepts_lines(const struct api_call *call)
{
    const char *accept = http_header(call->exchange, "accept");
    return http_accept_prefers(accept, "application/x-ndjson", "text/plain");
}

static void take_query(const struct api_call *call, struct stream_logs *logs)
{
    char value[64];
    uint64_t since_ns;
    logs->has_tail = http_query_get(call->exchange, "tail", value, sizeof value);
    if (logs->has_tail)
        logs->tail = strtoul(value, NULL, 10);
    if (http_query_get(call->exchange, "since", value, sizeof value) && rfc3339_read(value, &since_ns))
        logs->since_ms = since_ns / MS_NS;
    logs->follow = http_query_get(call->exchange, "follow", value, sizeof value) && !strcmp(value, "true");
    if (!http_query_get(call->exchange, "stream", value, sizeof value))
        return;
    logs->no_stdout = strcmp(value, "stdout") != 0;
    logs->no_stderr = !logs->no_stdout;
}

static void read_logs(struct controller *c, struct api_call *call, const struct sandbox_id *id,
                      const struct cluster_state_view *view)
{
    struct log_call *p = mem_zalloc(sizeof *p);
    *p = (struct log_call){.controller = c, .call = call, .lines = accepts_lines(call)};
    p->open = (struct stream_open){.sandbox = *id, .op = STREAM_LOGS};
    take_query(call, &p->open.logs);
    if (view)
        open_stream(p, view->node);
    else
        db_sandbox_node(c->pool, id->text, call->entered ? NULL : call->caller.user_id, on_node, p);
}

/* Only its owner may read it, as with all that is inside, or an administrator who enters. */
void ops_sandbox_logs(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    const struct cluster_state *cluster = leader_known(c->leader);
    struct cluster_state_view view;
    struct sandbox_id id;
    bool good, wants = ops_wants_entry(call, &good);
    if (!good || !ops_sandbox_id(call, &id))
        return;
    bool live = cluster && cluster_state_find(cluster, &id, &view);
    bool own = live && !strcmp(view.user, call->caller.user_id);
    if (wants && !own && !call->entered)
        ops_enter(c, call, &id, true);
    else if (live && !own && !call->entered)
        ops_fail_foreign(call);
    else if (live && view.state == SANDBOX_PENDING)
        ops_fail(call, ERR_WRONG_STATE, "the sandbox has not started yet");
    else
        read_logs(c, call, &id, live ? &view : NULL);
}
