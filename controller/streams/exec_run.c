#include "controller/streams/exec_run.h"

#include "common/base/mem.h"
#include "controller/streams/hub_feed.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 60000

struct exec_run {
    struct hub_stream *stream;
    struct exec_result result;
    bool ended;
    bool has_input;
    struct hub_feed input;
    uint64_t begun_ms;
    struct timer patience; /* past its timeout, which its init keeps */
    exec_run_cb *cb;
    void *arg;
};

static void run_free(struct exec_run *run)
{
    timer_stop(&run->patience);
    stream_process_fini(&run->result.process);
    free(run->result.out.bytes);
    free(run->result.err.bytes);
    hub_feed_fini(&run->input);
    free(run);
}

static void on_output(void *arg, enum stream_channel channel, const uint8_t *bytes, size_t len)
{
    struct exec_run *run = arg;
    struct exec_output *to = channel == STREAM_STDERR ? &run->result.err : &run->result.out;
    size_t room = EXEC_OUTPUT_MAX - to->len, some = len < room ? len : room;
    if (some && !hub_hold(run->stream, some)) /* this key, or all together, keep as much as they may */
        some = 0;
    to->truncated |= some < len;
    if (some) {
        to->bytes = mem_grow(to->bytes, to->len + some + 1, 1);
        memcpy(to->bytes + to->len, bytes, some);
        to->len += some;
        to->bytes[to->len] = 0;
    }
    hub_took(run->stream, len);
}

static void on_message(void *arg, const struct stream_message *message)
{
    struct exec_run *run = arg;
    if (message->kind != STREAM_PROCESS || message->process.running)
        return;
    run->ended = true;
    run->result.process = message->process;
    run->result.process.command = (struct string_list){0}; /* that of the message */
}

static void send_input(void *arg)
{
    struct exec_run *run = arg;
    if (run->has_input)
        hub_feed_go(&run->input, run->stream);
}

static void on_closed(void *arg, int code, const char *text)
{
    struct exec_run *run = arg;
    run->result.duration_ms = loop_now_ms() - run->begun_ms;
    if (!code && !run->ended) {
        code = ERR_PROTOCOL;
        text = "its node told no end of it";
    }
    run->cb(run->arg, code, text, &run->result);
    run_free(run);
}

/* The init, a tenant's, should have killed it long ago. */
static void on_no_end(void *arg)
{
    struct exec_run *run = arg;
    hub_stream_end(run->stream);
    run->cb(run->arg, ERR_NODE_TIMEOUT, "its time is over, and the sandbox's init does not tell of its end",
            &run->result);
    run_free(run);
}

int exec_run_start(struct exec_run **out, struct loop *loop, struct stream_hub *hub, const char *node,
                   const struct caller *caller, struct stream_open *open, uint8_t *input, size_t input_len,
                   exec_run_cb *cb, void *arg, struct err *e)
{
    static const struct hub_stream_ops ops = {
        .on_output = on_output, .on_message = on_message, .on_room = send_input, .on_closed = on_closed};
    struct exec_run *run = mem_zalloc(sizeof *run);
    *run = (struct exec_run){.begun_ms = loop_now_ms(), .has_input = input_len > 0, .cb = cb, .arg = arg};
    hub_feed_init(&run->input, input, input_len);
    open->op = STREAM_START;
    open->start.exec = open->start.attach = true;
    open->start.has_stdin = run->has_input;
    int rc = hub_stream_open(hub, node, caller, open, &ops, run, &run->stream, e);
    if (rc) {
        run_free(run);
        return rc;
    }
    if (run->has_input && !hub_hold(run->stream, input_len)) {
        exec_run_cancel(run);
        return err_set(e, ERR_TOO_MANY_STREAMS,
                       "the commands of this key hold as much memory as they may; ask again");
    }
    send_input(run);
    if (open->start.timeout_ms)
        timer_start(&run->patience, loop, open->start.timeout_ms + PATIENCE_MS, on_no_end, run);
    *out = run;
    return 0;
}

void exec_run_cancel(struct exec_run *run)
{
    hub_stream_end(run->stream);
    run_free(run);
}
