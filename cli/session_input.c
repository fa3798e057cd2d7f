#include "cli/session_input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define CTRL_C 0x03

void session_input_open(struct session *s)
{
    int own = outflow_reopen(STDIN_FILENO, O_RDONLY);
    s->in_fd = own < 0 ? STDIN_FILENO : own;
    s->in_is_own = own >= 0;
}

bool session_input_is_read(const struct session *s)
{
    return session_is_live(s) && s->in_fd >= 0 && s->input_len < SESSION_INPUT_ROOM;
}

static void act(struct session *s, enum escape_act act)
{
    if (act == ESCAPE_LEAVE)
        session_end_as(s, SESSION_LEFT, CLI_DONE);
    else if (act == ESCAPE_STOP)
        session_stop(s);
    else if (act == ESCAPE_HELP)
        session_say("at the beginning of a line: %c. leaves, %c^Z stops this program, %c%c is one %c",
                    s->escape.key, s->escape.key, s->escape.key, s->escape.key, s->escape.key);
}

static void take_typed(struct session *s, const uint8_t *bytes, size_t len)
{
    if (!s->ws && memchr(bytes, CTRL_C, len))
        session_end_as(s, SESSION_FAILED, CLI_UNREACHABLE);
    while (len && session_is_live(s)) {
        size_t some = len, added;
        enum escape_act what = escape_read(&s->escape, bytes, &some, s->input + s->input_len, &added);
        s->input_len += added;
        bytes += some;
        len -= some;
        act(s, what);
    }
}

void session_input_close(struct session *s)
{
    if (s->in_is_own)
        (void)close(s->in_fd);
    s->in_is_own = false;
    s->in_fd = -1;
}

static void on_input_end(struct session *s, bool failed)
{
    if (!s->spec->sends) { /* the terminal is gone */
        session_end_as(s, SESSION_SIGNALLED, CLI_SIGNALLED + SIGHUP);
        return;
    }
    if (failed && errno != EBADF) /* it was closed */
        session_say("cannot read standard input: %s", strerror(errno));
    s->input_ended = true;
    session_input_close(s);
}

/* Reads what was typed, if anything was. The escape that was pending takes one byte more. */
void session_input_take(struct session *s)
{
    uint8_t bytes[16384];
    size_t room = SESSION_INPUT_ROOM - s->input_len;
    struct pollfd ready = {.fd = s->in_fd, .events = POLLIN};
    if (!session_input_is_read(s) || room < 2 || poll(&ready, 1, 0) != 1)
        return;
    ssize_t n = read(s->in_fd, bytes, room - 1 < sizeof bytes ? room - 1 : sizeof bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        on_input_end(s, n < 0);
    } else if (s->spec->sends) {
        memcpy(s->input + s->input_len, bytes, (size_t)n);
        s->input_len += (size_t)n;
    } else {
        take_typed(s, bytes, (size_t)n);
    }
}

/* What did not arrive over the connection before. False: there is more of it. */
static bool give_again(struct session *s)
{
    const uint8_t *bytes;
    size_t len;
    while (!ws_client_waits(s->ws) && (len = sent_input_next(&s->sent, WS_CLIENT_DATA_MAX, &bytes))) {
        ws_client_write(s->ws, WS_STDIN, bytes, len);
        if (!ws_client_flush(s->ws))
            return false;
    }
    return s->sent.next == s->sent.end;
}

/*
 * One message at a time: what was not sent when the connection was lost is sent over the next one, and
 * nothing is typed twice.
 */
void session_input_give(struct session *s)
{
    if (!give_again(s))
        return;
    while (s->input_len && !ws_client_waits(s->ws)) {
        size_t some = s->input_len < WS_CLIENT_DATA_MAX ? s->input_len : WS_CLIENT_DATA_MAX;
        ws_client_write(s->ws, WS_STDIN, s->input, some);
        if (s->spec->sends)
            sent_input_add(&s->sent, s->input, some);
        s->input_len -= some;
        memmove(s->input, s->input + some, s->input_len);
        if (!ws_client_flush(s->ws))
            return; /* as the next read tells, too */
    }
    if (s->input_ended && !s->input_len && !s->told_end && ws_client_has_room(s->ws)) {
        const uint8_t channel = WS_STDIN;
        ws_client_write(s->ws, WS_CLOSE, &channel, sizeof channel);
        s->told_end = true;
    }
}
