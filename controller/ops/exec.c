/* POST /sandbox/{id}/exec: one command, from its start to its end. */
#include "controller/ops/ops.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "controller/api/api_stream.h"
#include "controller/ops/command_body.h"
#include "controller/streams/exec_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct exec_call {
    struct controller *controller;
    struct api_call *call; /* NULL: its client is gone, while the end of the sandbox is looked up */
    struct sandbox_id id;
    struct exec_run *run; /* NULL: over */
};

/* --- the answer --- */

static void put_output(struct json_text *json, const char *name, const struct exec_output *o)
{
    const char *bytes = o->bytes ? (const char *)o->bytes : "";
    size_t len = o->truncated ? utf8_whole(bytes, o->len) : o->len; /* so that text stays text */
    ops_put_bytes(json, name, bytes, ops_is_text(bytes, len) ? len : o->len);
}

static void answer(struct api_call *call, const struct exec_result *r)
{
    const struct stream_process *p = &r->process;
    struct json_text json = {0};
    json_text_object(&json, NULL);
    if (p->has_exit_code)
        json_text_int(&json, "exit_code", p->exit_code);
    else
        json_text_null(&json, "exit_code");
    if (p->signo)
        json_text_int(&json, "signal", p->signo);
    else
        json_text_null(&json, "signal");
    put_output(&json, "stdout", &r->out);
    put_output(&json, "stderr", &r->err);
    json_text_bool(&json, "truncated", r->out.truncated || r->err.truncated);
    json_text_bool(&json, "timed_out", p->timed_out);
    json_text_num(&json, "duration_ms", r->duration_ms);
    json_text_end(&json);
    api_answer_json(call, 200, NULL, json.text.data);
    json_text_fini(&json);
}

static void on_reason(void *arg, const char *reason)
{
    struct exec_call *p = arg;
    char detail[128];
    snprintf(detail, sizeof detail, "The sandbox has ended%s%s", reason ? ": " : "", reason ? reason : "");
    if (p->call)
        ops_fail(p->call, ERR_WRONG_STATE, detail);
    free(p);
}

static void on_done(void *arg, int code, const char *text, const struct exec_result *result)
{
    struct exec_call *p = arg;
    p->run = NULL;
    if (code == ERR_CANCELLED) {
        ops_end_reason(p->controller, &p->id, on_reason, p);
        return;
    }
    if (code)
        ops_fail(p->call, code, text);
    else
        answer(p->call, result);
    free(p);
}

/* Nobody waits for it any more: neither does it go on. */
static void on_gone(void *arg)
{
    struct exec_call *p = arg;
    ops_fail(p->call, ERR_CANCELLED, "its client is gone"); /* into nothing */
    p->call = NULL;
    if (!p->run)
        return;
    exec_run_cancel(p->run);
    free(p);
}

/* --- the request --- */

static int start(struct controller *c, struct exec_call *p, const struct sandbox_id *id, const char *node,
                 struct err *e)
{
    struct command_request *request = p->call->request;
    struct stream_open open = {.sandbox = *id, .start = request->start};
    uint8_t *input = request->input;
    request->input = NULL; /* it may wait for long, and once is enough */
    return exec_run_start(&p->run, c->loop, leader_streams(c->leader), node, &p->call->caller, &open, input,
                          request->input_len, on_done, p, e);
}

void ops_sandbox_exec(void *owner, struct api_call *call)
{
    static const struct http_stream_ops waits = {.on_gone = on_gone};
    struct controller *c = owner;
    struct sandbox_id id;
    char node[NODE_NAME_MAX + 1];
    struct err e;
    if (!ops_inside(c, call, &id, node))
        return;
    struct exec_call *p = mem_zalloc(sizeof *p);
    *p = (struct exec_call){.controller = c, .call = call, .id = id};
    if (start(c, p, &id, node, &e)) {
        api_answer_err(call, &e);
        free(p);
        return;
    }
    ops_note_act(c, call, &id, ((struct command_request *)call->request)->start.command.item[0], NULL, NULL);
    if (!api_stream_await(call, &waits, p)) {
        exec_run_cancel(p->run);
        free(p);
    }
}
