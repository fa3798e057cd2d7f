/* WebSockets to processes: GET /sandbox/{id}/terminal and …/processes/{pid}/attach. */
#include "controller/ops/ops.h"

#include "common/base/mem.h"
#include "common/http/websocket_handshake.h"
#include "common/io/pki.h"
#include "controller/api/api_stream.h"
#include "controller/streams/channel_frames.h"
#include "controller/streams/process_channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND_WORDS_MAX 1024
#define ROWS              24 /* of a terminal whose client does not say */
#define COLUMNS           80
#define HEADERS_MAX       (WEBSOCKET_HEADERS_MAX + 144)

struct terminal_call {
    struct controller *controller;
    struct api_call *call;
    struct sandbox_id id;
    struct websocket_handshake handshake;
    struct process_channel *channel; /* NULL: over, while looks_up */
    bool looks_up;                   /* the end of the sandbox: it is freed when that is answered */
};

/* --- why the sandbox ended --- */

static void on_reason(void *arg, const char *reason)
{
    struct terminal_call *t = arg;
    t->looks_up = false;
    if (t->channel)
        process_channel_end(t->channel, reason); /* frees t */
    else
        free(t);
}

static void on_sandbox_end(void *arg)
{
    struct terminal_call *t = arg;
    t->looks_up = true;
    ops_end_reason(t->controller, &t->id, on_reason, t);
}

static void on_over(void *arg)
{
    struct terminal_call *t = arg;
    t->channel = NULL;
    if (!t->looks_up)
        free(t);
}

/* --- the answer --- */

static void on_websocket_end(void *arg)
{
    api_stream_end(arg);
}

/*
 * X-Output-From is the position of the first byte of output, so that a client can count to a later `from`;
 * X-Input-From that of the first byte of input, so that a client knows what of it never arrived.
 */
static void on_begun(void *arg, const struct stream_process *process)
{
    struct terminal_call *t = arg;
    struct api_call *call = t->call;
    char headers[HEADERS_MAX];
    struct websocket *ws = websocket_new(t->controller->websockets, call->exchange, on_websocket_end, call,
                                         &process_channel_websocket_ops, t->channel);
    snprintf(headers, sizeof headers, "%sX-Process-Id: %d\r\nX-Output-From: %llu\r\n", t->handshake.headers,
             process->pid, (unsigned long long)process->output_oldest);
    if (process->has_input_from)
        snprintf(headers + strlen(headers), sizeof headers - strlen(headers), "X-Input-From: %llu\r\n",
                 (unsigned long long)process->input_from);
    if (api_stream_upgrade(call, headers, &websocket_stream_ops, ws)) {
        process_channel_carry(t->channel, ws, t->handshake.protocol);
        return;
    }
    websocket_drop(ws);
    process_channel_cancel(t->channel);
    free(t);
}

static void on_failed(void *arg, int code, const char *text)
{
    struct terminal_call *t = arg;
    ops_fail(t->call, code == ERR_CANCELLED ? ERR_WRONG_STATE : code, text);
    free(t);
}

static void on_gone(void *arg)
{
    struct terminal_call *t = arg;
    process_channel_cancel(t->channel);
    ops_fail(t->call, ERR_CANCELLED, "its client is gone"); /* into nothing */
    free(t);
}

/* --- the request --- */

static bool takes_channels(struct api_call *call, struct websocket_handshake *handshake)
{
    struct err e;
    int rc = websocket_handshake_check(handshake, call->exchange, channel_protocols, &e);
    if (!rc && handshake->protocol)
        return true;
    if (!rc)
        (void)err_set(&e, ERR_BAD_REQUEST, "Sec-WebSocket-Protocol must offer %s or %s", channel_protocols[0],
                      channel_protocols[1]);
    api_answer_err(call, &e);
    return false;
}

/* Takes open->start. */
static void begin(struct controller *c, struct api_call *call, struct stream_open *open)
{
    static const struct process_channel_ops ops = {
        .on_begun = on_begun, .on_failed = on_failed, .on_sandbox_end = on_sandbox_end, .on_over = on_over};
    static const struct http_stream_ops waits = {.on_gone = on_gone};
    struct terminal_call *t = mem_zalloc(sizeof *t);
    char node[NODE_NAME_MAX + 1];
    struct err e;
    *t = (struct terminal_call){.controller = c, .call = call};
    if (!takes_channels(call, &t->handshake) || !ops_inside(c, call, &t->id, node)) {
        free(t);
    } else {
        open->sandbox = t->id;
        if (process_channel_open(&t->channel, c->loop, leader_streams(c->leader), node, &call->caller, open,
                                 &ops, t, &e)) {
            api_answer_err(call, &e);
            free(t);
        } else {
            ops_note_act(c, call, &t->id, open->start.command.count ? open->start.command.item[0] : NULL,
                         NULL, NULL);
            if (!api_stream_await(call, &waits, t)) {
                process_channel_cancel(t->channel);
                free(t);
            }
        }
    }
    stream_start_fini(&open->start);
}

static unsigned long number(const struct api_call *call, const char *name, unsigned long preset)
{
    char text[24];
    return http_query_get(call->exchange, name, text, sizeof text) ? strtoul(text, NULL, 10) : preset;
}

static void attach(struct controller *c, struct api_call *call, int32_t pid)
{
    struct stream_open open = {.op = STREAM_ATTACH, .pid = pid, .from = number(call, "from", UINT64_MAX)};
    open.from_oldest = open.from == UINT64_MAX;
    begin(c, call, &open);
}

void ops_process_attach(void *owner, struct api_call *call)
{
    int32_t pid;
    if (ops_process_pid(call, &pid))
        attach(owner, call, pid);
}

/* bash where the image has it, since it edits its line. */
static void add_login_shell(struct string_list *command)
{
    string_list_add(command, "/bin/sh");
    string_list_add(command, "-c");
    string_list_add(command, "if [ -x /bin/bash ]; then exec /bin/bash -l; fi; exec /bin/sh -l");
}

/* false: there are too many words. */
static bool take_command(const struct api_call *call, struct string_list *command)
{
    char word[API_QUERY_MAX];
    for (unsigned i = 0; http_query_nth(call->exchange, "command", i, word, sizeof word); i++) {
        if (i == COMMAND_WORDS_MAX)
            return false;
        string_list_add(command, word);
    }
    if (!command->count)
        add_login_shell(command);
    return true;
}

static void start(struct controller *c, struct api_call *call)
{
    struct stream_open open = {.op = STREAM_START};
    struct stream_start *start = &open.start;
    start->tty = start->has_stdin = start->attach = true;
    start->rows = (uint16_t)number(call, "rows", ROWS);
    start->columns = (uint16_t)number(call, "columns", COLUMNS);
    start->grace_ms = c->conf->terminal_grace_seconds * 1000;
    pki_random(start->token, sizeof start->token);
    string_list_add(&start->env, "TERM=xterm-256color");
    if (take_command(call, &start->command)) {
        begin(c, call, &open);
        return;
    }
    ops_fail(call, ERR_INVALID, "command may have 1024 words");
    stream_start_fini(start);
}

void ops_terminal(void *owner, struct api_call *call)
{
    unsigned long pid = number(call, "pid", 0);
    char word[API_QUERY_MAX];
    if (pid && http_query_nth(call->exchange, "command", 0, word, sizeof word))
        ops_fail(call, ERR_INVALID, "pid attaches to a process that runs: it takes no command");
    else if (pid)
        attach(owner, call, (int32_t)pid);
    else
        start(owner, call);
}
