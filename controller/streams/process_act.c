#include "controller/streams/process_act.h"

#include "common/base/mem.h"
#include "controller/streams/hub_feed.h"

#include <stdlib.h>

struct process_act {
    struct hub_stream *stream;
    struct stream_process *process;
    size_t count;
    bool flooded; /* its node told of more processes than there can be */
    struct timer patience;
    process_act_cb *cb;
    void *arg;
};

static void act_free(struct process_act *act)
{
    timer_stop(&act->patience);
    for (size_t i = 0; i < act->count; i++)
        stream_process_fini(&act->process[i]);
    free(act->process);
    free(act);
}

static void finish(struct process_act *act, int code, const char *text)
{
    act->cb(act->arg, code, text, act->process, act->count);
    act_free(act);
}

static void on_message(void *arg, const struct stream_message *message)
{
    struct process_act *act = arg;
    act->flooded = act->flooded || act->count == PROCESS_ACT_MAX;
    if (message->kind != STREAM_PROCESS || act->flooded)
        return;
    act->process = mem_grow(act->process, act->count + 1, sizeof *act->process);
    struct stream_process *process = &act->process[act->count++];
    *process = message->process;
    process->command = (struct string_list){0}; /* that one is borrowed */
    for (size_t i = 0; i < message->process.command.count; i++)
        string_list_add(&process->command, message->process.command.item[i]);
}

static void on_closed(void *arg, int code, const char *text)
{
    struct process_act *act = arg;
    if (!code && act->flooded)
        finish(act, ERR_PROTOCOL, "its node told of too many processes");
    else
        finish(act, code, text);
}

static void on_silence(void *arg)
{
    struct process_act *act = arg;
    hub_stream_end(act->stream);
    finish(act, ERR_NODE_TIMEOUT, "the sandbox's node does not answer");
}

int process_act_start(struct process_act **out, struct loop *loop, struct stream_hub *hub, const char *node,
                      const struct caller *caller, const struct stream_open *open, process_act_cb *cb,
                      void *arg, struct err *e)
{
    static const struct hub_stream_ops ops = {.on_message = on_message, .on_closed = on_closed};
    struct process_act *act = mem_zalloc(sizeof *act);
    *act = (struct process_act){.cb = cb, .arg = arg};
    int rc = hub_stream_open(hub, node, caller, open, &ops, act, &act->stream, e);
    if (rc) {
        act_free(act);
        return rc;
    }
    timer_start(&act->patience, loop, PROCESS_ACT_MS + (open->op == STREAM_PORT ? open->port.wait_ms : 0),
                on_silence, act);
    *out = act;
    return 0;
}

void process_act_cancel(struct process_act *act)
{
    hub_stream_end(act->stream);
    act_free(act);
}

/* --- input that outlives its request --- */

struct feeding {
    struct hub_stream *stream;
    struct hub_feed feed;
};

static void feeding_free(struct feeding *f)
{
    hub_feed_fini(&f->feed);
    free(f);
}

static void on_feed_room(void *arg)
{
    struct feeding *f = arg;
    hub_feed_go(&f->feed, f->stream);
}

static void on_fed(void *arg, int code, const char *text)
{
    feeding_free(arg);
}

int process_act_feed(struct stream_hub *hub, const char *node, const struct caller *caller,
                     const struct sandbox_id *sandbox, int32_t pid, uint8_t *bytes, size_t len, struct err *e)
{
    static const struct hub_stream_ops ops = {.on_room = on_feed_room, .on_closed = on_fed};
    const struct stream_open open = {.sandbox = *sandbox, .op = STREAM_INPUT, .pid = pid, .eof = true};
    struct feeding *f = mem_zalloc(sizeof *f);
    hub_feed_init(&f->feed, bytes, len);
    int rc = hub_stream_open(hub, node, caller, &open, &ops, f, &f->stream, e);
    if (!rc && !hub_hold(f->stream, len)) {
        hub_stream_end(f->stream);
        rc = err_set(e, ERR_TOO_MANY_STREAMS,
                     "the commands of this key hold as much memory as they may; ask again");
    }
    if (rc) {
        feeding_free(f);
        return rc;
    }
    hub_feed_go(&f->feed, f->stream);
    return 0;
}
