#include "agent/streams/process_stream.h"

#include "agent/agent_state.h"
#include "agent/initlink/initlink_process.h"
#include "agent/streams/file_told.h"
#include "agent/streams/process_told.h"
#include "agent/streams/terminal_grace.h"

#include "common/base/mem.h"
#include "common/io/log.h"
#include "common/io/pki.h"
#include "proto/stream_codec.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CREDIT_LEAST 4096 /* less is given only where the reader has no more */

struct process_stream {
    struct process_stream *next;
    struct runtime *runtime;
    struct mux_stream *mux;
    enum stream_op op;
    uint32_t number;     /* of its process in the init; 0: a list of all */
    uint32_t attachment; /* 0: there is none now */
    bool attaches, exec;
    bool begun;          /* the controller knows how it stands */
    bool closes;         /* of an act of input: it closes the process's */
    bool ended, drained; /* the process has; all its output was sent */
    struct stream_process end;
    uint64_t position; /* after the last byte of output that came */
    size_t credit;     /* bytes that the init may send */
    uint8_t *input;    /* that the init has not taken */
    size_t input_at, input_len;
    uint64_t input_sent; /* bytes that went to the init */
    bool input_ends, input_ended;
    uint32_t listed;       /* the highest number of a list that was told */
    struct file_told file; /* STREAM_FILE */
};

static bool is_act(const struct process_stream *s)
{
    return s->op >= STREAM_SIGNAL && s->op <= STREAM_KILL;
}

/* Whether a stream is attached to this process. */
static bool is_attended(const struct runtime *h, uint32_t number)
{
    for (const struct process_stream *s = h->streams; s; s = s->next) {
        if (s->number == number && s->attaches)
            return true;
    }
    return false;
}

static void check_grace(struct runtime *h, uint32_t number)
{
    const struct initlink_process *process =
        h->init && number ? initlink_find_process(h->init, number) : NULL;
    if (process && process->known)
        terminal_grace_check(h, process, is_attended(h, number));
}

/* --- its end, in one place --- */

static void forget(struct process_stream *s)
{
    struct process_stream **at = &s->runtime->streams;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    if (s->attaches)
        check_grace(s->runtime, s->number);
    free(s->input);
    stream_process_fini(&s->end);
    free(s);
}

static void leave_init(struct process_stream *s)
{
    struct initlink *init = s->runtime->init;
    struct err e;
    if (!init || !initlink_ready(init))
        return;
    if (s->attachment && initlink_detach(init, s->attachment, &e))
        log_warn("agent", "sandbox=%s %s", s->runtime->id.text, e.text);
    if (s->exec && !s->ended && s->number && initlink_kill_process(init, s->number, &e))
        log_warn("agent", "sandbox=%s a command whose caller is gone lives on: %s", s->runtime->id.text,
                 e.text);
}

static void finish(struct process_stream *s, int code, const char *text)
{
    mux_close(s->mux, -code, text);
    forget(s);
}

static void fail(struct process_stream *s, const struct err *e)
{
    leave_init(s);
    finish(s, e->code, e->text);
}

/* --- to the controller --- */

static void say(struct process_stream *s, const struct stream_message *message)
{
    uint8_t bytes[STREAM_MESSAGE_MAX];
    size_t len = stream_message_pack(message, bytes);
    if (len && len <= mux_room(s->mux))
        mux_write(s->mux, STREAM_MESSAGE, bytes, len);
}

static void say_process(struct process_stream *s, const struct stream_process *process)
{
    struct stream_message message = {.kind = STREAM_PROCESS, .process = *process};
    say(s, &message);
}

/* That it runs, or how it ended, before anything else of it. A file's helper tells its result instead. */
static void say_begun(struct process_stream *s, const struct initlink_process *process)
{
    if (s->begun || !process || s->op == STREAM_FILE || mux_room(s->mux) < STREAM_MESSAGE_MAX)
        return;
    struct stream_process told = process_told(process);
    if (s->op == STREAM_ATTACH)
        told.output_oldest = s->position; /* here its output begins */
    say_process(s, &told);
    stream_process_fini(&told);
    s->begun = true;
}

/* Its last message, once its output is through. What is told needs room in the window as output does. */
static void end_if_done(struct process_stream *s)
{
    struct err e;
    if (s->op == STREAM_FILE && s->ended && s->drained) {
        int rc = file_told_end(&s->file, &s->end, &e);
        finish(s, rc, rc ? e.text : "");
        return;
    }
    if (!s->ended || (s->attaches && !s->drained) || mux_room(s->mux) < STREAM_MESSAGE_MAX)
        return;
    say_process(s, &s->end);
    finish(s, 0, "");
}

/* --- output --- */

/* The last part of the window is left for the word of its end. */
static size_t room_for_output(const struct process_stream *s)
{
    size_t room = mux_room(s->mux);
    return room > STREAM_MESSAGE_MAX ? room - STREAM_MESSAGE_MAX : 0;
}

static void give_credit(struct process_stream *s)
{
    struct err e;
    size_t room = room_for_output(s);
    if (!s->attachment || s->drained || mux_is_full(s->mux) || room < s->credit + CREDIT_LEAST)
        return;
    if (!initlink_credit(s->runtime->init, s->attachment, (uint32_t)(room - s->credit), &e))
        s->credit = room;
}

static void attach(struct process_stream *s, uint64_t from)
{
    struct err e;
    size_t room = room_for_output(s);
    int rc = initlink_attach(s->runtime->init, s->number, from, (uint32_t)room, &s->attachment, &e);
    s->credit = room;
    s->position = from; /* until the init says where that is */
    if (rc == ERR_WRONG_STATE)
        e.code = ERR_TOO_MANY_STREAMS;
    if (rc)
        fail(s, &e);
}

/* The result first; its room in the window is that of a process's final report. */
static void on_file_output(struct process_stream *s, const struct initlink_update *update)
{
    struct stream_message message = {.kind = STREAM_FILE_TOLD};
    const uint8_t *bytes = update->bytes;
    size_t len = update->len;
    struct err e;
    bool known = s->file.known;
    int rc = update->is_stderr ? err_set(&e, ERR_PROTOCOL, "the sandbox's helper said what it may not")
                               : file_told_take(&s->file, &bytes, &len, &e);
    message.file = s->file.result;
    if (!known && s->file.known && (!rc || rc == ERR_RANGE))
        say(s, &message);
    if (rc)
        fail(s, &e);
    else if (len)
        mux_write(s->mux, STREAM_STDOUT, bytes, len);
}

static void on_output(struct process_stream *s, const struct initlink_update *update)
{
    /* It comes first, whatever an init does. */
    say_begun(s, initlink_find_process(s->runtime->init, s->number));
    s->position = update->attachment.position;
    s->credit -= update->len < s->credit ? update->len : s->credit;
    if (s->op == STREAM_FILE)
        on_file_output(s, update);
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
            say_begun(s, initlink_find_process(s->runtime->init, s->number));
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
    fail(s, &e);
}

static void on_detached(struct process_stream *s, enum init_detach_reason reason)
{
    struct err e;
    s->attachment = 0;
    if (reason == INIT_DETACH_BEHIND) {
        (void)err_set(&e, ERR_OUTPUT_GONE, "its output came faster than it was taken");
        fail(s, &e);
        return;
    }
    s->drained = true;
    end_if_done(s);
}

/* --- input --- */

static void send_input(struct process_stream *s)
{
    struct initlink *init = s->runtime->init;
    struct err e;
    size_t sent = 0;
    while (s->input_at < s->input_len) {
        if (initlink_stdin(init, s->number, s->input + s->input_at, s->input_len - s->input_at, &sent, &e) ||
            !sent)
            return; /* more credit, or room, is told */
        s->input_at += sent;
        s->input_sent += sent;
        mux_took(s->mux, sent);
    }
    s->input_at = s->input_len = 0;
    if (!s->input_ends || s->input_ended || initlink_stdin_end(init, s->number, &e))
        return;
    s->input_ended = true;
}

/* No more than a window is kept: what the init has taken makes room first. */
static void keep_input(struct process_stream *s, const uint8_t *bytes, size_t len)
{
    if (s->input_at) {
        s->input_len -= s->input_at;
        memmove(s->input, s->input + s->input_at, s->input_len);
        s->input_at = 0;
    }
    s->input = mem_grow(s->input, s->input_len + len, 1);
    memcpy(s->input + s->input_len, bytes, len);
    s->input_len += len;
}

/* An act of input is over when the init has all of it. */
static void go_on_input(struct process_stream *s)
{
    if (!s->number || !s->runtime->init)
        return;
    send_input(s);
    bool all = s->input_at == s->input_len;
    if (s->op == STREAM_INPUT && all && s->input_ended)
        finish(s, 0, "");
}

/* What ends the bytes of an act of input ends the process's only where that was asked for. */
static void on_input_end(struct process_stream *s)
{
    if (s->op == STREAM_INPUT && !s->closes)
        s->input_ended = true;
    s->input_ends = true;
    go_on_input(s);
}

/* An act on a process that is not there yet, or any more, has no effect, nor has a size of nothing. */
static void on_message(struct process_stream *s, const struct stream_message *m)
{
    struct initlink *init = s->begun && s->number && s->op <= STREAM_ATTACH ? s->runtime->init : NULL;
    struct err e;
    int rc = 0;
    if (m->kind == STREAM_INPUT_END)
        on_input_end(s);
    else if (init && m->kind == STREAM_TO_SIZE && m->rows && m->columns)
        rc = initlink_resize(init, s->number, m->rows, m->columns, &e);
    else if (init && m->kind == STREAM_TO_SIGNAL)
        rc = initlink_signal_process(init, s->number, m->signo, &e);
    if (rc)
        log_warn("agent", "sandbox=%s %s", s->runtime->id.text, e.text);
}

static void on_data(void *arg, unsigned channel, const uint8_t *bytes, size_t len)
{
    struct process_stream *s = arg;
    struct stream_message message;
    struct err e;
    if (channel == STREAM_STDIN) {
        keep_input(s, bytes, len);
        go_on_input(s);
        return;
    }
    mux_took(s->mux, len);
    if (channel != STREAM_MESSAGE || stream_message_unpack(bytes, len, &message, &e)) {
        (void)err_set(&e, ERR_PROTOCOL, "the controller said what does not belong on a stream");
        fail(s, &e);
        return;
    }
    on_message(s, &message);
    stream_process_fini(&message.process);
}

/* --- lists --- */

/* The one with the lowest number above this one, which is the next that was started. */
static const struct initlink_process *next_process(struct initlink *init, uint32_t number)
{
    const struct initlink_process *all[INITLINK_PROCESSES_MAX], *next = NULL;
    size_t count = initlink_processes(init, all, INITLINK_PROCESSES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (all[i]->known && !(all[i]->told.flags & INIT_PROCESS_FILE) && all[i]->number > number &&
            (!next || all[i]->number < next->number))
            next = all[i];
    }
    return next;
}

static void list_more(struct process_stream *s)
{
    const struct initlink_process *process;
    while (mux_room(s->mux) >= STREAM_MESSAGE_MAX) {
        process = next_process(s->runtime->init, s->listed);
        if (!process) {
            finish(s, 0, "");
            return;
        }
        struct stream_process told = process_told(process);
        s->listed = process->number;
        say_process(s, &told);
        stream_process_fini(&told);
    }
}

static void on_room(void *arg)
{
    struct process_stream *s = arg;
    if (s->op == STREAM_LIST)
        list_more(s);
    else if (s->ended && (s->drained || !s->attaches))
        end_if_done(s);
    else
        give_credit(s);
}

/* The controller has let go: of a command that belongs to its stream nothing is left. */
static void on_closed(void *arg, int code, const char *text)
{
    struct process_stream *s = arg;
    leave_init(s);
    forget(s);
}

static const struct mux_stream_ops mux_ops = {.on_data = on_data, .on_room = on_room, .on_closed = on_closed};

/* --- the beginnings --- */

static int check_init(struct runtime *h, struct err *e)
{
    if (!h->init || !initlink_ready(h->init))
        return err_set(e, ERR_WRONG_STATE, "the sandbox's init does not answer now");
    if (!(initlink_features(h->init) & INIT_FEATURE_PROCESSES))
        return err_set(e, ERR_INIT_TOO_OLD, "the sandbox was started by an init that cannot do this yet");
    if (!initlink_listed(h->init))
        return err_set(e, ERR_WRONG_STATE, "the sandbox's init does not answer now");
    return 0;
}

/* Of those with this pid the one that runs, or that ended last. */
static const struct initlink_process *find_pid(struct initlink *init, int32_t pid)
{
    const struct initlink_process *all[INITLINK_PROCESSES_MAX], *best = NULL;
    size_t count = initlink_processes(init, all, INITLINK_PROCESSES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (all[i]->told.pid != pid || all[i]->told.flags & INIT_PROCESS_FILE)
            continue;
        if (all[i]->told.state == INIT_RUNNING)
            return all[i];
        if (!best || all[i]->end_order > best->end_order)
            best = all[i];
    }
    return best;
}

static struct init_spawn *spawn_of(const struct stream_start *start)
{
    static uint8_t note[STREAM_NOTE_MAX];
    struct init_spawn *spawn = mem_zalloc(sizeof *spawn);
    memcpy(spawn->token, start->token, sizeof spawn->token);
    spawn->timeout_ms = start->timeout_ms;
    spawn->flags = (start->tty ? INIT_PROCESS_TTY : 0u) |
                   (start->has_stdin || start->tty ? INIT_PROCESS_STDIN : 0u) |
                   (start->exec ? INIT_PROCESS_EXEC : 0u);
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

static void spawn_it(struct process_stream *s, const struct init_spawn *spawn)
{
    struct err e;
    s->number = initlink_next_process(s->runtime->init);
    int rc = initlink_spawn(s->runtime->init, s->number, spawn, &e);
    if (rc) {
        s->number = 0;
        if (rc == ERR_IO)
            (void)err_set(&e, ERR_PROCESS_LIMIT, "the sandbox's init has enough to start for now; ask again");
        fail(s, &e);
        return;
    }
    if (s->attaches)
        attach(s, INIT_FROM_OLDEST);
}

static void begin_start(struct process_stream *s, const struct stream_start *start)
{
    struct init_spawn *spawn = spawn_of(start);
    s->attaches = start->attach;
    s->exec = start->exec;
    spawn_it(s, spawn);
    free(spawn);
}

static void begin_file(struct process_stream *s, const struct stream_file *file)
{
    struct initlink *init = s->runtime->init;
    struct file_words words;
    struct err e;
    if (!(initlink_features(init) & INIT_FEATURE_FILES)) {
        (void)err_set(&e, ERR_INIT_TOO_OLD, "the sandbox was started by an init that cannot do this yet");
        fail(s, &e);
        return;
    }
    struct init_spawn *spawn = mem_zalloc(sizeof *spawn);
    pki_random(spawn->token, sizeof spawn->token);
    spawn->timeout_ms = file->timeout_ms;
    spawn->flags =
        INIT_PROCESS_FILE | INIT_PROCESS_EXEC | (file->verb == STREAM_FILE_WRITE ? INIT_PROCESS_STDIN : 0u);
    spawn->start.cwd = "";
    file_arguments(file, &words, &spawn->start);
    s->attaches = s->exec = true;
    s->file.verb = file->verb;
    spawn_it(s, spawn);
    free(spawn);
}

/* Whether a process can be asked for this. */
static int check_act(const struct init_process *told, enum stream_op op, struct err *e)
{
    if (told->state == INIT_ENDED && op > STREAM_LIST && op != STREAM_KILL)
        return err_set(e, ERR_WRONG_STATE, "the process has ended");
    if (op == STREAM_RESIZE && !(told->flags & INIT_PROCESS_TTY))
        return err_set(e, ERR_WRONG_STATE, "the process has no terminal");
    if (op == STREAM_INPUT && !(told->flags & INIT_PROCESS_STDIN))
        return err_set(e, ERR_WRONG_STATE, "the process was started without input");
    return 0;
}

/* An act of input ends when the init has taken all, a kill when the process has ended. */
static void begin_act(struct process_stream *s, const struct stream_open *open, bool has_ended)
{
    struct initlink *init = s->runtime->init;
    struct err e;
    int rc = 0;
    if (open->op == STREAM_SIGNAL)
        rc = initlink_signal_process(init, s->number, open->signo, &e);
    else if (open->op == STREAM_RESIZE)
        rc = initlink_resize(init, s->number, open->rows, open->columns, &e);
    else if (open->op == STREAM_KILL && !has_ended)
        rc = initlink_kill_process(init, s->number, &e);
    if (rc)
        fail(s, &e);
    else if (open->op != STREAM_INPUT && (open->op != STREAM_KILL || has_ended))
        finish(s, 0, "");
}

static void begin_on_process(struct process_stream *s, const struct stream_open *open)
{
    const struct initlink_process *process = find_pid(s->runtime->init, open->pid);
    struct err e;
    if (!process) {
        (void)err_set(&e, ERR_NOT_FOUND, "there is no process %d in this sandbox", open->pid);
        fail(s, &e);
        return;
    }
    if (check_act(&process->told, open->op, &e)) {
        fail(s, &e);
        return;
    }
    s->number = process->number;
    s->closes = open->eof;
    if (open->op == STREAM_LIST) {
        say_begun(s, process);
        finish(s, 0, "");
    } else if (open->op == STREAM_ATTACH) {
        s->attaches = true;
        check_grace(s->runtime, s->number);
        if (process->told.state == INIT_ENDED) {
            s->ended = true;
            s->end = process_told(process);
        }
        attach(s, open->from_oldest ? INIT_FROM_OLDEST : open->from);
    } else {
        begin_act(s, open, process->told.state == INIT_ENDED);
    }
}

void process_stream_begin(struct runtime *h, struct mux_stream *mux, const struct stream_open *open)
{
    struct process_stream *s = mem_zalloc(sizeof *s);
    struct err e;
    *s = (struct process_stream){.next = h->streams, .runtime = h, .mux = mux, .op = open->op};
    h->streams = s;
    mux_serve(mux, &mux_ops, s);
    if (check_init(h, &e))
        fail(s, &e);
    else if (open->op == STREAM_START)
        begin_start(s, &open->start);
    else if (open->op == STREAM_FILE)
        begin_file(s, &open->file);
    else if (open->op == STREAM_LIST && !open->pid)
        list_more(s);
    else
        begin_on_process(s, open);
}

/* --- what the init says --- */

static void on_refused(struct process_stream *s, const struct init_exit *exit)
{
    struct err e;
    if (exit->value == EAGAIN)
        (void)err_set(&e, ERR_PROCESS_LIMIT, "the sandbox has as many processes as it may");
    else
        (void)err_set(&e, ERR_WRONG_STATE, "the process could not be started: %s", strerror(exit->value));
    s->attachment = 0;
    s->number = 0;
    fail(s, &e);
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
        say_begun(s, process);
    if (process->told.state == INIT_ENDED && !s->ended) {
        s->ended = true;
        s->end = process_told(process);
    }
    if (s->op == STREAM_START && !s->attaches) {
        finish(s, 0, "");
    } else if (s->ended) {
        end_if_done(s);
    } else {
        go_on_input(s);
    }
}

/* The process of an act that waits has ended: a kill is done, and input goes nowhere. */
static void on_act_ended(struct process_stream *s)
{
    struct err e;
    if (s->op == STREAM_KILL) {
        finish(s, 0, "");
    } else {
        (void)err_set(&e, ERR_WRONG_STATE, "the process has ended before it took all of its input");
        fail(s, &e);
    }
}

static void on_process_told(struct process_stream *s, const struct initlink_process *process)
{
    if (!is_act(s))
        on_told(s, process);
    else if (process->told.state == INIT_ENDED)
        on_act_ended(s);
}

static bool has_stream(const struct runtime *h, uint32_t number)
{
    for (const struct process_stream *s = h->streams; s; s = s->next) {
        if (s->number == number && (s->op == STREAM_START || s->op == STREAM_FILE))
            return true;
    }
    return false;
}

/* A command belongs to its stream, which may have been lost while its init was not linked: with the agent
 * itself, or the controller. */
static void kill_commands_without_stream(struct runtime *h)
{
    const struct initlink_process *all[INITLINK_PROCESSES_MAX];
    size_t count = initlink_processes(h->init, all, INITLINK_PROCESSES_MAX);
    struct err e;
    for (size_t i = 0; i < count; i++) {
        const struct init_process *told = &all[i]->told;
        if (!(told->flags & INIT_PROCESS_EXEC) || told->state == INIT_ENDED || has_stream(h, all[i]->number))
            continue;
        if (initlink_kill_process(h->init, all[i]->number, &e))
            log_warn("agent", "sandbox=%s a command whose caller is gone lives on: %s", h->id.text, e.text);
    }
}

/* The link to the init is there again: it may not have heard what was asked of it before. */
static void on_act_relinked(struct process_stream *s, const struct initlink_process *process)
{
    struct err e;
    int rc = 0;
    if (s->op == STREAM_INPUT)
        rc = err_set(&e, ERR_NODE_TIMEOUT,
                     "a part of the input may have been lost on its way to the sandbox's init");
    else if (process && process->told.state != INIT_ENDED)
        rc = initlink_kill_process(s->runtime->init, s->number, &e);
    else
        on_act_ended(s);
    if (rc)
        fail(s, &e);
}

/* The init has told of all that it has. What was asked of it before the link was lost, and it does not have,
 * it never heard of. */
static void on_listed(struct process_stream *s)
{
    struct err e;
    if (!s->number)
        return;
    const struct initlink_process *process = initlink_find_process(s->runtime->init, s->number);
    if (is_act(s)) {
        on_act_relinked(s, process);
    } else if (!process) {
        (void)err_set(&e, ERR_NODE_TIMEOUT,
                      "the sandbox's init was not reached, and the process was not started");
        s->number = 0;
        fail(s, &e);
    } else if (s->op == STREAM_START && process->told.stdin_taken < s->input_sent) {
        (void)err_set(&e, ERR_NODE_TIMEOUT, "a part of its input was lost on the way to the sandbox's init");
        fail(s, &e);
    } else {
        s->input_ended = false; /* its end is said again: the init may not have heard it */
        if (s->attaches && !s->attachment && !s->drained)
            attach(s, s->position);
    }
}

/* A process without a stream may be one that nobody is attached to: after a restart of the agent, all are. */
static void check_graces(struct runtime *h, const struct initlink_update *update)
{
    if (update->kind == INITLINK_PROCESS_TOLD && initlink_listed(h->init))
        check_grace(h, update->process.number);
    if (update->kind != INITLINK_LISTED)
        return;
    const struct initlink_process *all[INITLINK_PROCESSES_MAX];
    size_t count = initlink_processes(h->init, all, INITLINK_PROCESSES_MAX);
    for (size_t i = 0; i < count; i++)
        terminal_grace_check(h, all[i], is_attended(h, all[i]->number));
}

static void on_update(struct runtime *h, const struct initlink_update *update)
{
    struct process_stream *s, *next;
    if (update->kind == INITLINK_LISTED)
        kill_commands_without_stream(h);
    check_graces(h, update);
    for (s = h->streams; s; s = next) {
        next = s->next;
        bool process = s->number && s->number == update->process.number;
        bool attachment = s->attachment && s->attachment == update->attachment.number;
        if (update->kind == INITLINK_PROCESS_TOLD && process)
            on_process_told(s, &update->process);
        else if (update->kind == INITLINK_CREDIT && s->number == update->process.number)
            go_on_input(s);
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

static void on_writable(struct runtime *h)
{
    struct process_stream *s, *next;
    for (s = h->streams; s; s = next) {
        next = s->next;
        give_credit(s);
        go_on_input(s);
    }
}

/* The others go on when there is a link again. Of a file, nobody could tell what has arrived. */
static void on_unlinked(struct runtime *h)
{
    struct process_stream *s, *next;
    for (s = h->streams; s; s = next) {
        next = s->next;
        s->attachment = 0;
        if (s->op == STREAM_FILE)
            finish(s, ERR_NODE_TIMEOUT, "the sandbox's init was not reached");
    }
}

/* The sandbox ends: its reason the controller knows. */
static void on_drop(struct runtime *h)
{
    while (h->streams)
        finish(h->streams, ERR_CANCELLED, "the sandbox has ended");
    terminal_grace_drop(h);
}

const struct init_follower process_stream_follower = {
    .on_update = on_update, .on_writable = on_writable, .on_unlinked = on_unlinked, .on_drop = on_drop};

void process_streams_go_on(struct runtime *h)
{
    for (struct process_stream *s = h->streams; s; s = s->next)
        give_credit(s);
}

void process_streams_cut(struct runtime *h)
{
    while (h->streams) {
        leave_init(h->streams);
        forget(h->streams);
    }
}
