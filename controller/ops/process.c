/* The processes of a sandbox: /sandbox/{id}/processes. */
#include "controller/ops/ops.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "controller/api/api_stream.h"
#include "controller/ops/command_body.h"
#include "controller/streams/process_act.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIME_MAX_MS 253402300799999 /* the year 9999: a sandbox's init tells any time that it likes */

struct process_call;
typedef void process_answer_fn(struct process_call *p, const struct stream_process *process, size_t count);

/* A call that waits for its sandbox's node. */
struct process_call {
    struct controller *controller;
    struct api_call *call;
    struct sandbox_id id;
    char node[NODE_NAME_MAX + 1];
    struct process_act *act;
    process_answer_fn *answer;
};

/* --- answers --- */

static void put_number(struct json_text *json, const char *name, bool is_there, int64_t value)
{
    if (is_there)
        json_text_int(json, name, value);
    else
        json_text_null(json, name);
}

static void put_time(struct json_text *json, const char *name, bool is_there, uint64_t ms)
{
    char text[RFC3339_LEN + 1];
    rfc3339_format(ms < TIME_MAX_MS ? ms : TIME_MAX_MS, text);
    if (is_there)
        json_text_str(json, name, text);
    else
        json_text_null(json, name);
}

static void put_terminal(struct json_text *json, const struct stream_process *p)
{
    if (!p->tty) {
        json_text_null(json, "tty");
        return;
    }
    json_text_object(json, "tty");
    json_text_num(json, "rows", p->rows);
    json_text_num(json, "columns", p->columns);
    json_text_end(json);
}

static void put_process(struct json_text *json, const struct stream_process *p)
{
    json_text_object(json, NULL);
    json_text_int(json, "pid", p->pid);
    if (p->tag[0])
        json_text_str(json, "tag", p->tag);
    else
        json_text_null(json, "tag");
    json_text_array(json, "command");
    for (size_t i = 0; i < p->command.count; i++)
        json_text_str(json, NULL, p->command.item[i]);
    json_text_end(json);
    put_terminal(json, p);
    json_text_str(json, "state", p->running ? "running" : "exited");
    put_number(json, "exit_code", p->has_exit_code, p->exit_code);
    put_number(json, "signal", p->signo, p->signo);
    json_text_bool(json, "timed_out", p->timed_out);
    put_time(json, "started_at", true, p->started_at_ms);
    put_time(json, "ended_at", !p->running, p->ended_at_ms);
    json_text_num(json, "output_bytes", p->output_bytes < INT64_MAX ? p->output_bytes : INT64_MAX);
    json_text_end(json);
}

static process_answer_fn answer_list;

static void answer_empty(struct process_call *p, const struct stream_process *process, size_t count)
{
    api_answer_empty(p->call, 204, NULL);
}

static void answer_one(struct process_call *p, const struct stream_process *process, size_t count)
{
    struct json_text json = {0};
    put_process(&json, process);
    api_answer_json(p->call, 200, NULL, json.text.data);
    json_text_fini(&json);
}

/* --- the way to the node and back --- */

static void on_done(void *arg, int code, const char *text, const struct stream_process *process, size_t count)
{
    struct process_call *p = arg;
    if (code)
        ops_fail(p->call, code == ERR_CANCELLED ? ERR_WRONG_STATE : code, text);
    else if (!count && p->answer != answer_empty && p->answer != answer_list)
        ops_fail(p->call, ERR_PROTOCOL, "its node told nothing of the process");
    else
        p->answer(p, process, count);
    free(p);
}

static void on_gone(void *arg)
{
    struct process_call *p = arg;
    process_act_cancel(p->act);
    ops_fail(p->call, ERR_CANCELLED, "its client is gone"); /* into nothing */
    free(p);
}

/* open: all but its sandbox. */
static void ask(void *owner, struct api_call *call, struct stream_open *open, process_answer_fn *answer)
{
    static const struct http_stream_ops waits = {.on_gone = on_gone};
    struct controller *c = owner;
    struct process_call *p = mem_zalloc(sizeof *p);
    struct err e;
    *p = (struct process_call){.controller = c, .call = call, .answer = answer};
    if (!ops_inside(c, call, &p->id, p->node)) {
        free(p);
        return;
    }
    open->sandbox = p->id;
    if (process_act_start(&p->act, c->loop, leader_streams(c->leader), p->node, &call->caller, open, on_done,
                          p, &e)) {
        api_answer_err(call, &e);
        free(p);
        return;
    }
    if (open->op == STREAM_START)
        ops_note_act(c, call, &p->id, open->start.command.item[0], NULL, NULL);
    if (!api_stream_await(call, &waits, p)) {
        process_act_cancel(p->act);
        free(p);
    }
}

/* Its number in the path; answers 404 where that is none. */
bool ops_process_pid(struct api_call *call, int32_t *pid)
{
    const char *text = call->param[1];
    size_t digits = strspn(text, "0123456789");
    unsigned long value = strtoul(text, NULL, 10);
    *pid = (int32_t)value;
    if (digits && !text[digits] && text[0] != '0' && digits <= 10 && value <= INT32_MAX)
        return true;
    ops_fail(call, ERR_NOT_FOUND, "There is no such process");
    return false;
}

static void ask_of_one(void *owner, struct api_call *call, struct stream_open *open,
                       process_answer_fn *answer)
{
    if (ops_process_pid(call, &open->pid))
        ask(owner, call, open, answer);
}

/* --- start --- */

static void on_killed(void *arg, int code, const char *text, const struct stream_process *process,
                      size_t count)
{
}

/* It runs, but its input cannot be given to it: nobody is told of it, so it must not go on. */
static void undo_start(struct process_call *p, int32_t pid)
{
    const struct stream_open open = {.sandbox = p->id, .op = STREAM_KILL, .pid = pid};
    struct process_act *act;
    struct err e;
    (void)!process_act_start(&act, p->controller->loop, leader_streams(p->controller->leader), p->node,
                             &p->call->caller, &open, on_killed, NULL, &e);
}

static void answer_started(struct process_call *p, const struct stream_process *process, size_t count)
{
    struct command_request *request = p->call->request;
    struct controller *c = p->controller;
    struct json_text json = {0};
    char location[128];
    struct err e;
    uint8_t *input = request->input;
    request->input = NULL;
    if (input && process_act_feed(leader_streams(c->leader), p->node, &p->call->caller, &p->id, process->pid,
                                  input, request->input_len, &e)) {
        undo_start(p, process->pid);
        api_answer_err(p->call, &e);
        return;
    }
    snprintf(location, sizeof location, "Location: /sandbox/%s/processes/%d\r\n", p->id.text, process->pid);
    put_process(&json, process);
    api_answer_json(p->call, 201, location, json.text.data);
    json_text_fini(&json);
}

void ops_process_start(void *owner, struct api_call *call)
{
    struct command_request *request = call->request;
    struct stream_open open = {.op = STREAM_START, .start = request->start};
    ask(owner, call, &open, answer_started);
}

/* --- list and show --- */

static int compare(const void *a, const void *b)
{
    const struct stream_process *p = *(const struct stream_process *const *)a;
    const struct stream_process *other = *(const struct stream_process *const *)b;
    if (p->started_at_ms != other->started_at_ms)
        return p->started_at_ms < other->started_at_ms ? -1 : 1;
    return p->pid < other->pid ? -1 : p->pid > other->pid;
}

/* A cursor is the last process of the page before: its start, and its number. */
static bool is_past(const struct stream_process *p, const struct stream_process *cursor)
{
    return compare(&p, &cursor) > 0;
}

static void answer_page(struct process_call *p, const struct stream_process *const *sorted, size_t count)
{
    struct stream_process cursor = {.pid = -1};
    struct json_text json = {0};
    char next[48] = "";
    size_t first = 0, shown;
    (void)sscanf(p->call->cursor, "%20" SCNu64 "-%10" SCNd32, &cursor.started_at_ms, &cursor.pid);
    while (first < count && !is_past(sorted[first], &cursor))
        first++;
    shown = count - first < p->call->limit ? count - first : p->call->limit;
    if (first + shown < count)
        snprintf(next, sizeof next, "%" PRIu64 "-%" PRId32, sorted[first + shown - 1]->started_at_ms,
                 sorted[first + shown - 1]->pid);
    json_text_object(&json, NULL);
    json_text_array(&json, "items");
    for (size_t i = first; i < first + shown; i++)
        put_process(&json, sorted[i]);
    json_text_end(&json);
    if (next[0])
        json_text_str(&json, "next_cursor", next);
    else
        json_text_null(&json, "next_cursor");
    json_text_end(&json);
    api_answer_page(p->call, json.text.data, next[0] ? next : NULL);
    json_text_fini(&json);
}

static void answer_list(struct process_call *p, const struct stream_process *process, size_t count)
{
    const struct stream_process *sorted[PROCESS_ACT_MAX];
    for (size_t i = 0; i < count; i++)
        sorted[i] = &process[i];
    qsort(sorted, count, sizeof *sorted, compare);
    answer_page(p, sorted, count);
}

void ops_process_list(void *owner, struct api_call *call)
{
    struct stream_open open = {.op = STREAM_LIST};
    ask(owner, call, &open, answer_list);
}

void ops_process_show(void *owner, struct api_call *call)
{
    struct stream_open open = {.op = STREAM_LIST};
    ask_of_one(owner, call, &open, answer_one);
}

/* --- acts on one --- */

void ops_process_kill(void *owner, struct api_call *call)
{
    struct stream_open open = {.op = STREAM_KILL};
    ask_of_one(owner, call, &open, answer_empty);
}

void ops_process_signal(void *owner, struct api_call *call)
{
    struct stream_open open = {.op = STREAM_SIGNAL, .signo = *(const int32_t *)call->request};
    ask_of_one(owner, call, &open, answer_empty);
}

void ops_process_resize(void *owner, struct api_call *call)
{
    const struct terminal_size *size = call->request;
    struct stream_open open = {.op = STREAM_RESIZE, .rows = size->rows, .columns = size->columns};
    ask_of_one(owner, call, &open, answer_empty);
}
