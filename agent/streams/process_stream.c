#include "agent/streams/process_stream.h"

#include "agent/agent_state.h"
#include "agent/streams/act_stream.h"
#include "agent/streams/file_stream.h"
#include "agent/streams/list_stream.h"
#include "agent/streams/port_stream.h"
#include "agent/streams/process_core.h"
#include "agent/streams/process_input.h"
#include "agent/streams/process_told.h"
#include "agent/streams/process_grace.h"
#include "agent/streams/stream_yield.h"

#include "common/base/mem.h"
#include "common/io/log.h"
#include "proto/stream_codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- output --- */

/* Its last message, once its output is through. What is told needs room in the window as output does. */
static void end_if_done(struct process_stream *s)
{
    if (s->op == STREAM_FILE && s->ended && s->drained) {
        file_stream_end(s);
        return;
    }
    if (s->op == STREAM_PORT && s->ended && s->drained) {
        port_stream_end(s);
        return;
    }
    if (!s->ended || (s->attaches && !s->drained) || mux_room(s->mux) < STREAM_MESSAGE_MAX)
        return;
    process_core_say_process(s, &s->end);
    process_core_finish(s, 0, "");
}

static void on_output(struct process_stream *s, const struct initlink_update *update)
{
    if (s->op != STREAM_PORT) /* whose helper says something of its own first */
        guard_streamed(&s->runtime->guard);
    /* It comes first, whatever an init does. */
    process_core_say_begun(s, initlink_find_process(s->runtime->init, s->number));
    s->position = update->attachment.position;
    s->credit -= update->len < s->credit ? update->len : s->credit;
    if (s->op == STREAM_FILE)
        file_stream_output(s, update);
    else if (s->op == STREAM_PORT)
        port_stream_output(s, update);
    else
        mux_write(s->mux, update->is_stderr ? STREAM_STDERR : STREAM_STDOUT, update->bytes, update->len);
}

static void on_attached(struct process_stream *s, const struct init_attached *attached)
{
    struct err e;
    switch (attached->status) {
    case INIT_ATTACH_DONE:
        s->position = attached->from;
        if (s->op == STREAM_ATTACH)
            process_core_say_begun(s, initlink_find_process(s->runtime->init, s->number));
        return;
    case INIT_ATTACH_NO_PROCESS:
        (void)err_set(&e, ERR_NOT_FOUND, "there is no such process");
        break;
    case INIT_ATTACH_FULL:
        (void)err_set(&e, ERR_TOO_MANY_STREAMS, "the sandbox has too many streams");
        break;
    case INIT_ATTACH_AHEAD:
        (void)err_set(&e, ERR_INVALID, "from: the output of the process does not reach that far");
        break;
    default:
        (void)err_set(&e, ERR_OUTPUT_GONE, "its output is kept from byte %llu on",
                      (unsigned long long)attached->oldest);
    }
    s->attachment = 0;
    process_core_fail(s, &e);
}

static void on_detached(struct process_stream *s, enum init_detach_reason reason)
{
    struct err e;
    s->attachment = 0;
    if (reason == INIT_DETACH_BEHIND) {
        (void)err_set(&e, ERR_OUTPUT_GONE, "its output came faster than it was taken");
        process_core_fail(s, &e);
        return;
    }
    s->drained = true;
    end_if_done(s);
}

/* --- input --- */

/* Its input would mix with that of the client that came back. A client that has some comes back, too. */
static void refuse_input(struct process_stream *s)
{
    struct err e;
    (void)err_set(&e, ERR_NODE_TIMEOUT, "another client gives the input of the process now; attach again");
    process_core_fail(s, &e);
}

/* An act on a process that is not there yet, or any more, has no effect, nor has a size of nothing. */
static void on_message(struct process_stream *s, const struct stream_message *m)
{
    struct initlink *init = s->begun && s->number && s->op <= STREAM_ATTACH ? s->runtime->init : NULL;
    struct err e;
    int rc = 0;
    if (m->kind == STREAM_INPUT_END && s->displaced)
        refuse_input(s);
    else if (m->kind == STREAM_INPUT_END)
        process_input_end(s);
    else if (init && m->kind == STREAM_TO_SIZE && m->rows && m->columns)
        rc = initlink_resize(init, s->number, m->rows, m->columns, &e);
    else if (init && m->kind == STREAM_TO_SIGNAL)
        rc = initlink_signal_process(init, s->number, m->signo, &e);
    if (rc)
        log_warn("agent", "sandbox=%s %s", s->runtime->id.text, e.text);
}

static void send_input(void *arg)
{
    struct process_stream *s = arg;
    if (!stream_yield_now(s->runtime->agent->stream_yield))
        process_input_go_on(s);
}

static void on_data(void *arg, unsigned channel, const uint8_t *bytes, size_t len)
{
    struct process_stream *s = arg;
    struct stream_message message;
    struct err e;
    if (channel == STREAM_STDIN) {
        guard_streamed(&s->runtime->guard);
        if (s->displaced) {
            refuse_input(s);
            return;
        }
        process_input_keep(s, bytes, len);
        if (s->op == STREAM_FILE)
            deferred_call(&s->send, s->runtime->agent->loop, send_input, s);
        else
            process_input_go_on(s);
        return;
    }
    mux_took(s->mux, len);
    if (channel != STREAM_MESSAGE || stream_message_unpack(bytes, len, &message, &e)) {
        (void)err_set(&e, ERR_PROTOCOL, "the controller said what does not belong on a stream");
        process_core_fail(s, &e);
        return;
    }
    on_message(s, &message);
    stream_process_fini(&message.process);
}

static void on_room(void *arg)
{
    struct process_stream *s = arg;
    if (s->op == STREAM_LIST)
        list_stream_more(s);
    else if (s->ended && (s->drained || !s->attaches))
        end_if_done(s);
    else
        process_core_give_credit(s);
}

/* The controller has let go: of a command that belongs to its stream nothing is left. */
static void on_closed(void *arg, int code, const char *text)
{
    struct process_stream *s = arg;
    process_core_leave_init(s);
    process_core_forget(s);
}

static const struct mux_stream_ops mux_ops = {.on_data = on_data, .on_room = on_room, .on_closed = on_closed};

/* --- the beginnings --- */

static int check_init(struct runtime *runtime, struct err *e)
{
    if (!runtime->init || !initlink_ready(runtime->init))
        return err_set(e, ERR_WRONG_STATE, "the sandbox's init does not answer now");
    if (!(initlink_features(runtime->init) & INIT_FEATURE_PROCESSES))
        return err_set(e, ERR_INIT_TOO_OLD, "the sandbox was started by an init that cannot do this yet");
    if (!initlink_listed(runtime->init))
        return err_set(e, ERR_WRONG_STATE, "the sandbox's init does not answer now");
    return 0;
}

/* An init that cannot hold output lets go of the oldest. */
static uint32_t flags_of(const struct stream_start *start, uint32_t features)
{
    return (start->tty ? INIT_PROCESS_TTY : 0u) | (start->has_stdin || start->tty ? INIT_PROCESS_STDIN : 0u) |
           (start->exec ? INIT_PROCESS_EXEC : 0u) |
           (start->hold && features & INIT_FEATURE_HOLD ? INIT_PROCESS_HOLD : 0u);
}

static struct init_spawn *spawn_of(const struct stream_start *start, uint32_t features)
{
    static uint8_t note[STREAM_NOTE_MAX];
    struct init_spawn *spawn = mem_zalloc(sizeof *spawn);
    memcpy(spawn->token, start->token, sizeof spawn->token);
    spawn->timeout_ms = start->timeout_ms;
    spawn->flags = flags_of(start, features);
    spawn->rows = start->rows;
    spawn->columns = start->columns;
    spawn->note = note;
    spawn->note_len = (uint32_t)stream_note_pack(start, note);
    spawn->start.cwd = start->cwd ? start->cwd : "/workspace";
    for (size_t i = 0; i < start->command.count; i++)
        spawn->start.argv[spawn->start.argc++] = start->command.item[i];
    for (size_t i = 0; i < start->env.count; i++)
        spawn->start.env[spawn->start.envc++] = start->env.item[i];
    return spawn;
}

static void begin_start(struct process_stream *s, const struct stream_start *start)
{
    struct init_spawn *spawn = spawn_of(start, initlink_features(s->runtime->init));
    s->attaches = start->attach;
    s->exec = start->exec;
    process_core_spawn(s, spawn);
    free(spawn);
}

static void begin_on_process(struct process_stream *s, const struct stream_open *open)
{
    const struct initlink_process *process = list_stream_find_pid(s->runtime->init, open->pid);
    struct err e;
    if (!process) {
        (void)err_set(&e, ERR_NOT_FOUND, "there is no process %d in this sandbox", open->pid);
        process_core_fail(s, &e);
        return;
    }
    if (act_stream_check(&process->told, open->op, &e)) {
        process_core_fail(s, &e);
        return;
    }
    s->number = process->number;
    s->closes = open->eof;
    if (open->op == STREAM_LIST) {
        process_core_say_begun(s, process);
        process_core_finish(s, 0, "");
    } else if (open->op == STREAM_ATTACH) {
        s->attaches = true;
        process_core_check_grace(s->runtime, s->number);
        if (process->told.state == INIT_ENDED) {
            s->ended = true;
            s->end = process_told(process);
        }
        s->returns = !open->from_oldest;
        process_core_attach(s, open->from_oldest ? INIT_FROM_OLDEST : open->from);
    } else {
        act_stream_begin(s, open, process->told.state == INIT_ENDED);
    }
}

void process_stream_begin(struct runtime *runtime, struct mux_stream *mux, const struct stream_open *open)
{
    struct process_stream *s = mem_zalloc(sizeof *s);
    struct err e;
    *s = (struct process_stream){.next = runtime->streams, .runtime = runtime, .mux = mux, .op = open->op};
    runtime->streams = s;
    if (open->op == STREAM_START || open->op == STREAM_FILE)
        guard_streamed(&runtime->guard);
    mux_serve(mux, &mux_ops, s);
    if (check_init(runtime, &e))
        process_core_fail(s, &e);
    else if (open->op == STREAM_START)
        begin_start(s, &open->start);
    else if (open->op == STREAM_FILE)
        file_stream_begin(s, &open->file);
    else if (open->op == STREAM_PORT)
        port_stream_begin(s, &open->port);
    else if (open->op == STREAM_LIST && !open->pid)
        list_stream_more(s);
    else
        begin_on_process(s, open);
}

/* --- what the init says --- */

static void on_refused(struct process_stream *s, const struct init_exit *exit)
{
    struct err e;
    if (exit->value == EAGAIN)
        (void)err_set(&e, ERR_PROCESS_LIMIT, "the sandbox has as many processes as it may");
    else if (exit->value == EMFILE)
        (void)err_set(&e, ERR_PROCESS_LIMIT, "the sandbox has as many processes as its open files allow");
    else
        (void)err_set(&e, ERR_WRONG_STATE, "the process could not be started: %s", strerror(exit->value));
    s->attachment = 0;
    s->number = 0;
    process_core_fail(s, &e);
}

static void on_told(struct process_stream *s, const struct initlink_process *process)
{
    if (process->told.state == INIT_REFUSED) {
        on_refused(s, &process->told.exit);
        return;
    }
    if (process->told.state == INIT_STARTING)
        return;
    if (s->op == STREAM_START)
        process_core_say_begun(s, process);
    if (process->told.state == INIT_ENDED && !s->ended) {
        s->ended = true;
        s->end = process_told(process);
    }
    if (s->op == STREAM_START && !s->attaches) {
        process_core_finish(s, 0, "");
    } else if (s->ended) {
        end_if_done(s);
    } else {
        process_input_go_on(s);
    }
}

static void on_process_told(struct process_stream *s, const struct initlink_process *process)
{
    if (!act_stream_is(s))
        on_told(s, process);
    else if (process->told.state == INIT_ENDED)
        act_stream_ended(s);
}

static bool has_stream(const struct runtime *runtime, uint32_t number)
{
    for (const struct process_stream *s = runtime->streams; s; s = s->next) {
        if (s->number == number && (s->op == STREAM_START || process_core_has_helper(s)))
            return true;
    }
    return false;
}

/* A command belongs to its stream, which may have been lost while its init was not linked: with the agent
 * itself, or the controller. */
static void kill_commands_without_stream(struct runtime *runtime)
{
    const struct initlink_process *all[INITLINK_PROCESSES_MAX];
    size_t count = initlink_processes(runtime->init, all, INITLINK_PROCESSES_MAX);
    struct err e;
    for (size_t i = 0; i < count; i++) {
        const struct init_process *told = &all[i]->told;
        if (!(told->flags & INIT_PROCESS_EXEC) || told->state == INIT_ENDED ||
            has_stream(runtime, all[i]->number))
            continue;
        if (initlink_kill_process(runtime->init, all[i]->number, &e))
            log_warn("agent", "sandbox=%s a command whose caller is gone lives on: %s", runtime->id.text,
                     e.text);
    }
}

/* A client of a process that is held knows what it sent, and comes back to send it again. */
static bool has_lost_input(const struct process_stream *s, const struct initlink_process *process)
{
    bool counts =
        s->op == STREAM_START || (s->op == STREAM_ATTACH && process->told.flags & INIT_PROCESS_HOLD);
    return counts && process->told.stdin_taken < s->input_from + s->input_sent;
}

/* The init has told of all that it has. What was asked of it before the link was lost, and it does not have,
 * it never heard of. */
static void on_listed(struct process_stream *s)
{
    struct err e;
    if (!s->number)
        return;
    const struct initlink_process *process = initlink_find_process(s->runtime->init, s->number);
    if (act_stream_is(s)) {
        act_stream_relinked(s, process);
    } else if (!process) {
        (void)err_set(&e, ERR_NODE_TIMEOUT,
                      "the sandbox's init was not reached, and the process was not started");
        s->number = 0;
        process_core_fail(s, &e);
    } else if (has_lost_input(s, process)) {
        (void)err_set(&e, ERR_NODE_TIMEOUT, "a part of its input was lost on the way to the sandbox's init");
        process_core_fail(s, &e);
    } else {
        s->input_ended = false; /* its end is said again: the init may not have heard it */
        if (s->attaches && !s->attachment && !s->drained)
            process_core_attach(s, s->position);
    }
}

/* A process without a stream may be one that nobody is attached to: after a restart of the agent, all are. */
static void check_graces(struct runtime *runtime, const struct initlink_update *update)
{
    if (update->kind == INITLINK_PROCESS_TOLD && initlink_listed(runtime->init))
        process_core_check_grace(runtime, update->process.number);
    if (update->kind != INITLINK_LISTED)
        return;
    const struct initlink_process *all[INITLINK_PROCESSES_MAX];
    size_t count = initlink_processes(runtime->init, all, INITLINK_PROCESSES_MAX);
    for (size_t i = 0; i < count; i++)
        process_grace_check(runtime, all[i], process_core_is_attended(runtime, all[i]->number));
}

static void on_update(struct runtime *runtime, const struct initlink_update *update)
{
    struct process_stream *s, *next;
    if (update->kind == INITLINK_LISTED)
        kill_commands_without_stream(runtime);
    check_graces(runtime, update);
    for (s = runtime->streams; s; s = next) {
        next = s->next;
        bool process = s->number && s->number == update->process.number;
        bool attachment = s->attachment && s->attachment == update->attachment.number;
        if (update->kind == INITLINK_PROCESS_TOLD && process)
            on_process_told(s, &update->process);
        else if (update->kind == INITLINK_CREDIT && s->number == update->process.number)
            process_input_go_on(s);
        else if (update->kind == INITLINK_OUTPUT && attachment)
            on_output(s, update);
        else if (update->kind == INITLINK_ATTACHED && attachment)
            on_attached(s, &update->attached);
        else if (update->kind == INITLINK_DETACHED && attachment)
            on_detached(s, update->reason);
        else if (update->kind == INITLINK_LISTED)
            on_listed(s);
    }
}

/* What the init was to be told of commands whose streams ended meanwhile may have been refused. */
static void on_writable(struct runtime *runtime)
{
    if (initlink_listed(runtime->init))
        kill_commands_without_stream(runtime);
    process_streams_go_on(runtime);
}

/* The others go on when there is a link again. Of a file or a port, nobody could tell what has arrived. */
static void on_unlinked(struct runtime *runtime)
{
    struct process_stream *s, *next;
    for (s = runtime->streams; s; s = next) {
        next = s->next;
        s->attachment = 0;
        if (process_core_has_helper(s))
            process_core_finish(s, ERR_NODE_TIMEOUT, "the sandbox's init was not reached");
    }
}

/* The sandbox is removed: its reason the controller knows. */
static void on_drop(struct runtime *runtime)
{
    while (runtime->streams)
        process_core_finish(runtime->streams, ERR_CANCELLED, "the sandbox has ended");
    process_grace_drop(runtime);
    stream_yield_begin(runtime->agent->stream_yield);
}

const struct init_follower process_stream_follower = {
    .on_update = on_update, .on_writable = on_writable, .on_unlinked = on_unlinked, .on_drop = on_drop};

void process_streams_go_on(struct runtime *runtime)
{
    struct process_stream *s, *next;
    for (s = runtime->streams; s; s = next) {
        next = s->next;
        process_core_give_credit(s);
        process_input_go_on(s);
    }
}

void process_streams_cut(struct runtime *runtime)
{
    while (runtime->streams) {
        process_core_leave_init(runtime->streams);
        process_core_forget(runtime->streams);
    }
}
