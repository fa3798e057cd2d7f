/*
 * GET /sandbox/{id}/files/watch: changes of a file, or in a folder, as Server-Sent Events
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html). What a client does not take waits here up
 * to the stream's window, and then in the sandbox: its kernel's queue is bounded, and tells when it
 * overflows.
 */
#include "controller/ops/file.h"

#include "common/base/mem.h"
#include "common/http/sse.h"
#include "common/model/file_changes.h"
#include "controller/api/api_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct file_watch {
    struct controller *controller;
    struct api_call *call; /* NULL: its client is gone */
    struct file_run *run;  /* NULL: over; then code and text say why */
    struct sandbox_id id;
    char base[STREAM_PATH_MAX + 1]; /* what is watched, without slashes at its end; "" for / */
    bool begun;                     /* the answer */
    bool waits;                     /* for the client */
    bool looks_up;                  /* why the sandbox ended: it is freed when that is answered */
    struct timer quiet;
    struct file_changes changes;
    size_t owed;   /* bytes of the run that the client has not taken */
    uint8_t *held; /* of them those that were not read yet, of at most the stream's window */
    size_t held_len;
    int code;
    char text[MUX_TEXT_MAX + 1];
};

static void watch_free(struct file_watch *w)
{
    timer_stop(&w->quiet);
    if (w->run)
        file_run_cancel(w->run);
    free(w->held);
    free(w);
}

/* --- events --- */

/* Takes text. */
static void write_text(struct file_watch *w, struct text *text)
{
    if (!http_stream_write(w->call->exchange, text->data, text->len))
        w->waits = true;
    text_fini(text);
}

static void write_comment(struct file_watch *w)
{
    struct text comment = {0};
    sse_comment(&comment, "watching", NULL);
    write_text(w, &comment);
}

/* The event's name is also in its data, for clients that see no names. */
static void begin_event(struct json_text *json, const char *name)
{
    json_text_object(json, NULL);
    json_text_str(json, "event", name);
}

static void write_event(struct file_watch *w, const char *name, struct json_text *json)
{
    struct text event = {0};
    json_text_end(json);
    sse_event(&event, NULL, name, json->text.data);
    write_text(w, &event);
    json_text_fini(json);
}

static void put_path(const struct file_watch *w, struct json_text *json, const char *name, const char *path,
                     size_t len)
{
    char whole[2 * STREAM_PATH_MAX + 2];
    size_t at = strlen(w->base);
    memcpy(whole, w->base, at);
    if (len || !at)
        whole[at++] = '/';
    memcpy(whole + at, path, len);
    ops_put_bytes(json, name, whole, at + len);
}

static void write_change(void *arg, const struct file_change *change)
{
    struct file_watch *w = arg;
    struct json_text json = {0};
    const char *name = file_change_name(change->kind), *type = file_type_name(change->type);
    begin_event(&json, name);
    put_path(w, &json, "path", change->path, change->path_len);
    if (change->from_len)
        put_path(w, &json, "from", change->from, change->from_len);
    if (change->reason)
        json_text_str(&json, "reason", change->reason);
    else if (type)
        json_text_str(&json, "type", type);
    else
        json_text_null(&json, "type");
    write_event(w, name, &json);
}

/* reason: of the sandbox's end, or NULL. */
static void write_end(struct file_watch *w, const char *why, const char *reason)
{
    struct json_text json = {0};
    begin_event(&json, "end");
    put_path(w, &json, "path", "", 0);
    json_text_str(&json, "reason", why);
    if (w->text[0])
        json_text_str(&json, "detail", w->text);
    if (reason)
        json_text_str(&json, "sandbox_reason", reason);
    write_event(w, "end", &json);
}

/* --- its end --- */

static void finish(struct file_watch *w)
{
    api_stream_end(w->call);
    watch_free(w);
}

static void on_reason(void *arg, const char *reason)
{
    struct file_watch *w = arg;
    w->looks_up = false;
    if (!w->call) {
        watch_free(w);
        return;
    }
    bool ended = reason || w->code == ERR_CANCELLED;
    write_end(w, ended ? "sandbox_ended" : err_name(w->code), reason);
    finish(w);
}

/* Everything before was written. A sandbox that ends takes its init away, which its node may tell first.
 * Without a leader this controller is about to end, and knows no reasons. */
static void conclude(struct file_watch *w)
{
    bool may_have_ended = w->code == ERR_CANCELLED || w->code == ERR_NODE_TIMEOUT;
    if (may_have_ended && leader_state(w->controller->leader)) {
        w->looks_up = true;
        ops_end_reason(w->controller, &w->id, on_reason, w);
        return;
    }
    if (!w->changes.ended)
        write_end(w, err_name(w->code ? w->code : ERR_PROTOCOL), NULL);
    finish(w);
}

static void on_gone(void *arg)
{
    struct file_watch *w = arg;
    if (w->begun)
        api_stream_end(w->call);
    else
        ops_fail(w->call, ERR_CANCELLED, "its client is gone"); /* into nothing */
    w->call = NULL;
    timer_stop(&w->quiet);
    if (!w->looks_up)
        watch_free(w);
}

static void on_quiet(void *arg)
{
    struct file_watch *w = arg;
    if (!http_stream_waiting(w->call->exchange))
        write_comment(w);
    timer_start(&w->quiet, w->controller->loop, SSE_QUIET_MS, on_quiet, w);
}

/* --- what comes --- */

static void keep(struct file_watch *w, const uint8_t *bytes, size_t len)
{
    if (len) {
        w->held = mem_grow(w->held, w->held_len + len, 1);
        memcpy(w->held + w->held_len, bytes, len);
    }
    w->held_len += len;
    http_stream_hold(w->call->exchange, w->held_len);
}

/* Writes changes as far as the client takes them. False: they break a bound. */
static bool pass_on(struct file_watch *w, const uint8_t *bytes, size_t len)
{
    struct file_change change;
    int rc = 0;
    while (!w->waits && (rc = file_changes_next(&w->changes, &bytes, &len, &change)) > 0)
        write_change(w, &change);
    if (rc < 0)
        return false;
    keep(w, bytes, len);
    if (!w->waits && w->run) {
        file_run_took(w->run, w->owed);
        w->owed = 0;
    }
    return true;
}

/* The tenant says what it may not: this stream ends, and nothing else. */
static void give_up(struct file_watch *w)
{
    if (w->run)
        file_run_cancel(w->run);
    w->run = NULL;
    w->code = ERR_PROTOCOL;
    strcpy(w->text, "the sandbox's helper said what it may not");
    conclude(w);
}

static void on_bytes(void *arg, const uint8_t *bytes, size_t len)
{
    struct file_watch *w = arg;
    w->owed += len;
    if (w->held_len)
        keep(w, bytes, len);
    else if (!pass_on(w, bytes, len))
        give_up(w);
}

static void on_room(void *arg)
{
    struct file_watch *w = arg;
    uint8_t *held = w->held;
    size_t len = w->held_len;
    w->held = NULL;
    w->held_len = 0;
    w->waits = false;
    bool good = pass_on(w, held, len);
    free(held);
    if (!good)
        give_up(w);
    else if (!w->run && !w->held_len && !w->looks_up)
        conclude(w);
}

static const struct http_stream_ops stream_ops = {.on_room = on_room, .on_gone = on_gone};

static void begin_answer(struct file_watch *w)
{
    w->begun = true;
    if (!api_stream_begin(w->call, 200, SSE_TYPE, SSE_HEADERS, &stream_ops, w)) {
        w->call = NULL;
        watch_free(w);
    } else if (http_stream_is_head(w->call->exchange)) {
        finish(w);
    } else {
        write_comment(w);
        timer_start(&w->quiet, w->controller->loop, SSE_QUIET_MS, on_quiet, w);
    }
}

static void on_result(void *arg, const struct stream_file_result *result)
{
    begin_answer(arg);
}

static void on_end(void *arg, int code, const char *text)
{
    struct file_watch *w = arg;
    w->run = NULL;
    w->code = code;
    snprintf(w->text, sizeof w->text, "%s", text);
    if (!w->begun) {
        file_fail(w->call, code, text);
        watch_free(w);
    } else if (!w->held_len) {
        conclude(w);
    } /* else once the client has taken what was before */
}

/* --- the request --- */

static void start(struct controller *c, struct api_call *call, const char *node, struct stream_open *open)
{
    static const struct file_run_ops ops = {.on_result = on_result, .on_bytes = on_bytes, .on_end = on_end};
    struct file_watch *w = mem_zalloc(sizeof *w);
    size_t len = strlen(open->file.path);
    *w = (struct file_watch){.controller = c, .call = call, .id = open->sandbox};
    while (len && open->file.path[len - 1] == '/')
        len--;
    memcpy(w->base, open->file.path, len);
    if (!file_start(c, call, node, open, &ops, w, &w->run))
        watch_free(w);
    else if (!api_stream_await(call, &stream_ops, w))
        watch_free(w);
}

void ops_file_watch(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    char node[NODE_NAME_MAX + 1], value[8];
    struct stream_open open;
    if (!file_begin(c, call, STREAM_FILE_WATCH, FILE_ENDLESS_MS, &open, node))
        return;
    file_param(call, "recursive", value, sizeof value);
    open.file.recursive = !strcmp(value, "true");
    start(c, call, node, &open);
}
