#include "agent/streams/process_input.h"

#include "common/base/mem.h"

#include <string.h>

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
void process_input_keep(struct process_stream *s, const uint8_t *bytes, size_t len)
{
    if (s->input_at && s->input_len + len > s->input_room) {
        s->input_len -= s->input_at;
        memmove(s->input, s->input + s->input_at, s->input_len);
        s->input_at = 0;
    }
    if (s->input_len + len > s->input_room) {
        s->input_room = 2 * (s->input_len + len);
        s->input = mem_grow(s->input, s->input_room, 1);
    }
    memcpy(s->input + s->input_len, bytes, len);
    s->input_len += len;
}

/* An act of input is over when the init has all of it. */
void process_input_go_on(struct process_stream *s)
{
    if (!s->number || !s->runtime->init)
        return;
    send_input(s);
    bool all = s->input_at == s->input_len;
    if (s->op == STREAM_INPUT && all && s->input_ended)
        process_core_finish(s, 0, "");
}

/* What ends the bytes of an act of input ends the process's only where that was asked for. */
void process_input_end(struct process_stream *s)
{
    if (s->op == STREAM_INPUT && !s->closes)
        s->input_ended = true;
    s->input_ends = true;
    process_input_go_on(s);
}
