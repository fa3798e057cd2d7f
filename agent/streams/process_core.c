#include "agent/streams/process_core.h"

#include "agent/agent_state.h"
#include "agent/streams/process_told.h"
#include "agent/streams/process_grace.h"
#include "agent/streams/stream_yield.h"

#include "common/io/log.h"
#include "proto/stream_codec.h"

#include <stdlib.h>

#define CREDIT_LEAST 4096 /* less is given only where the reader has no more */

bool process_core_has_helper(const struct process_stream *s)
{
    return s->op == STREAM_FILE || s->op == STREAM_PORT;
}

bool process_core_is_attended(const struct runtime *h, uint32_t number)
{
    for (const struct process_stream *s = h->streams; s; s = s->next) {
        if (s->number == number && s->attaches)
            return true;
    }
    return false;
}

void process_core_check_grace(struct runtime *h, uint32_t number)
{
    const struct initlink_process *process =
        h->init && number ? initlink_find_process(h->init, number) : NULL;
    if (process && process->known)
        process_grace_check(h, process, process_core_is_attended(h, number));
}

void process_core_forget(struct process_stream *s)
{
    struct process_stream **at = &s->runtime->streams;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    if (s->attaches)
        process_core_check_grace(s->runtime, s->number);
    deferred_cancel(&s->send);
    free(s->input);
    file_told_fini(&s->file);
    stream_process_fini(&s->end);
    free(s);
}

void process_core_leave_init(struct process_stream *s)
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

void process_core_finish(struct process_stream *s, int code, const char *text)
{
    mux_close(s->mux, -code, text);
    process_core_forget(s);
}

void process_core_fail(struct process_stream *s, const struct err *e)
{
    process_core_leave_init(s);
    process_core_finish(s, e->code, e->text);
}

void process_core_say(struct process_stream *s, const struct stream_message *message)
{
    uint8_t bytes[STREAM_MESSAGE_MAX];
    size_t len = stream_message_pack(message, bytes);
    if (len && len <= mux_room(s->mux))
        mux_write(s->mux, STREAM_MESSAGE, bytes, len);
}

void process_core_say_process(struct process_stream *s, const struct stream_process *process)
{
    struct stream_message message = {.kind = STREAM_PROCESS, .process = *process};
    process_core_say(s, &message);
}

static bool is_other_of_process(const struct process_stream *s, const struct process_stream *stream)
{
    return s != stream && s->number == stream->number && (s->attaches || s->op == STREAM_INPUT);
}

/* Whether no input has come of it so far. */
static bool is_silent(const struct process_stream *s)
{
    return s->op != STREAM_INPUT && !s->input_sent && !s->input_len && !s->input_ends;
}

/*
 * Where another stream may still have input of the process under way, nobody knows where this one's begins. A
 * client that comes back to a process that is held for it takes the place of those that gave none so far: one
 * of them may be its own former stream, whose input may still come, or another client that only reads.
 */
static bool gives_input_alone(const struct process_stream *stream, const struct initlink_process *process)
{
    struct process_stream *s;
    bool displaces = stream->returns && (process->told.flags & INIT_PROCESS_HOLD);
    for (s = stream->runtime->streams; s; s = s->next) {
        if (is_other_of_process(s, stream) && !(displaces && is_silent(s)))
            return false;
    }
    for (s = stream->runtime->streams; s; s = s->next) {
        if (is_other_of_process(s, stream))
            s->displaced = true;
    }
    return true;
}

void process_core_say_begun(struct process_stream *s, const struct initlink_process *process)
{
    if (s->begun || !process || process_core_has_helper(s) || mux_room(s->mux) < STREAM_MESSAGE_MAX)
        return;
    struct stream_process told = process_told(process);
    if (s->op == STREAM_ATTACH) {
        told.output_oldest = s->position; /* here its output begins */
        told.has_input_from = gives_input_alone(s, process);
        told.input_from = s->input_from = process->input_given;
    }
    process_core_say_process(s, &told);
    stream_process_fini(&told);
    s->begun = true;
}

/* The last part of the window is left for the word of its end. */
static size_t room_for_output(const struct process_stream *s)
{
    size_t room = mux_room(s->mux);
    return room > STREAM_MESSAGE_MAX ? room - STREAM_MESSAGE_MAX : 0;
}

void process_core_give_credit(struct process_stream *s)
{
    struct err e;
    size_t room = room_for_output(s);
    if (!s->attachment || s->drained || mux_is_full(s->mux) || room < s->credit + CREDIT_LEAST ||
        stream_yield_now(s->runtime->agent->stream_yield))
        return;
    if (!initlink_credit(s->runtime->init, s->attachment, (uint32_t)(room - s->credit), &e))
        s->credit = room;
}

void process_core_attach(struct process_stream *s, uint64_t from)
{
    struct err e;
    size_t room = room_for_output(s);
    int rc = initlink_attach(s->runtime->init, s->number, from, (uint32_t)room, &s->attachment, &e);
    s->credit = room;
    s->position = from; /* until the init says where that is */
    if (rc == ERR_WRONG_STATE)
        e.code = ERR_TOO_MANY_STREAMS;
    if (rc)
        process_core_fail(s, &e);
}

void process_core_spawn(struct process_stream *s, const struct init_spawn *spawn)
{
    struct initlink *init = s->runtime->init;
    struct err e;
    initlink_gather(init);
    s->number = initlink_next_process(init);
    int rc = initlink_spawn(init, s->number, spawn, &e);
    if (rc) {
        s->number = 0;
        if (rc == ERR_IO)
            (void)err_set(&e, ERR_PROCESS_LIMIT, "the sandbox's init has enough to start for now; ask again");
        process_core_fail(s, &e);
    } else if (s->attaches) {
        process_core_attach(s, INIT_FROM_OLDEST);
    }
    initlink_send(init);
}
