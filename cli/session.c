#include "cli/session.h"

#include "cli/interrupt.h"
#include "cli/raw_mode.h"
#include "cli/session_end.h"
#include "cli/session_input.h"
#include "cli/steady.h"

#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SILENCE_MS 75000  /* the server pings each 30 s */
#define RETURN_MS  300000 /* as long as a server keeps a terminal that nobody is attached to, by default */
#define PAUSE_MS   200    /* between tries, at first */
#define PAUSE_MAX  5000

/* --- signals --- */

static void take_signals(struct session *s)
{
    interrupt_wake_taken();
    if (interrupt_signal())
        session_end_as(s, SESSION_SIGNALLED, CLI_SIGNALLED + interrupt_signal());
    if (interrupt_came(SIGTSTP))
        session_stop(s);
    if (interrupt_came(SIGCONT) && raw_mode_is_on()) {
        session_begin_raw(s); /* after a SIGSTOP, which nothing can prepare for */
        s->size_due = true;
    }
    if (interrupt_came(SIGWINCH))
        s->size_due = true;
}

static void give_size(struct session *s)
{
    uint16_t rows, columns;
    char json[64];
    if (!s->size_due || !ws_client_has_room(s->ws))
        return;
    s->size_due = false;
    if (!s->spec->has_tty)
        return;
    raw_mode_size(&rows, &columns);
    int len = snprintf(json, sizeof json, "{\"Width\":%u,\"Height\":%u}", columns, rows);
    ws_client_write(s->ws, WS_RESIZE, json, (size_t)len);
}

/* --- the connection --- */

static void say_lost(struct session *s)
{
    session_say("connection lost, coming back...%s", s->spec->interactive ? " (Ctrl-C gives up)" : "");
    s->told_lost = true;
}

/* Where only bytes count, the first try may bring it back before that is worth a word. */
static void begin_return(struct session *s)
{
    uint64_t now = steady_ms();
    s->give_up_ms = now + RETURN_MS;
    s->again_ms = now + PAUSE_MS;
    s->pause_ms = PAUSE_MS;
    s->told_lost = s->told_end = false;
    if (!s->spec->is_exact)
        say_lost(s);
}

static void lose(struct session *s)
{
    ws_client_close(s->ws, WEBSOCKET_GOING_AWAY);
    s->ws = NULL;
    begin_return(s);
}

static void on_closed(struct session *s, const struct websocket_read *read)
{
    bool ours = read->what == WEBSOCKET_BROKEN;
    if (session_end_comes_back(read->code)) {
        lose(s);
        return;
    }
    ws_client_close(s->ws, ours ? read->code : WEBSOCKET_NORMAL);
    s->ws = NULL;
    session_say("%s", ours ? "the server breaks the rules of WebSocket" : session_end_why(read->code));
    session_end_as(s, SESSION_FAILED, ours ? CLI_UNREACHABLE : CLI_REFUSED);
}

static void on_status(struct session *s, const uint8_t *bytes, size_t len)
{
    CLEANUP(mem_free_ptr) char *why = NULL;
    int code = session_end_read(bytes, len, &why);
    if (why)
        session_say("%s", why);
    session_end_as(s, code < 0 ? SESSION_GONE : SESSION_ENDED, code < 0 ? CLI_REFUSED : code);
}

static void on_message(struct session *s, const struct websocket_read *read)
{
    const uint8_t *bytes = read->bytes + 1;
    size_t len = read->len ? read->len - 1 : 0;
    unsigned channel = read->len ? read->bytes[0] : WS_CLOSE;
    if (channel == WS_STATUS)
        on_status(s, bytes, len);
    if (channel != WS_STDOUT && channel != WS_STDERR)
        return;
    if (s->spec->take)
        s->spec->take(s->spec->take_arg, channel == WS_STDERR, bytes, len);
    else
        outflow_add(channel == WS_STDERR ? &s->err : &s->out, bytes, len);
    s->position += len;
}

static bool has_room(const struct session *s)
{
    return outflow_has_room(&s->out) && outflow_has_room(&s->err);
}

static void take_message(struct session *s, const struct websocket_read *read)
{
    if (read->what == WEBSOCKET_CLOSE || read->what == WEBSOCKET_BROKEN)
        on_closed(s, read);
    else
        on_message(s, read);
}

static void take_messages(struct session *s)
{
    bool heard = false;
    while (session_is_live(s) && s->ws && has_room(s)) {
        struct websocket_read read = ws_client_next(s->ws, &heard);
        if (heard)
            s->heard_ms = steady_ms();
        if (read.what == WEBSOCKET_NOTHING) {
            if (steady_ms() > s->heard_ms + SILENCE_MS)
                lose(s);
            return;
        }
        take_message(s, &read);
        outflow_flush(&s->out);
        outflow_flush(&s->err);
    }
    s->heard_ms = steady_ms(); /* it is we who do not listen */
}

/*
 * A connection that takes nothing more is over. What came over it before is taken without regard to room,
 * which the kernel's buffer bounds: the server counts it as arrived.
 */
static void take_rest(struct session *s)
{
    bool heard = false;
    struct websocket_read read;
    while (session_is_live(s) && s->ws && (read = ws_client_next(s->ws, &heard)).what)
        take_message(s, &read);
    if (session_is_live(s) && s->ws)
        lose(s);
}

static void exchange(struct session *s)
{
    take_messages(s);
    if (!s->ws || !session_is_live(s))
        return;
    give_size(s);
    if (ws_client_flush(s->ws))
        session_input_give(s);
    if (!ws_client_flush(s->ws))
        take_rest(s);
}

/* --- opening it, and opening it again --- */

/* Nobody reads any more: a program ends as if it had been told so by SIGPIPE, and a person is told. */
static void on_broken(struct session *s)
{
    if (s->spec->is_exact && s->out.error == EPIPE) {
        session_end_as(s, SESSION_SIGNALLED, CLI_SIGNALLED + SIGPIPE);
        return;
    }
    session_say("cannot write to standard output: %s", strerror(s->out.error));
    session_end_as(s, SESSION_FAILED, CLI_REFUSED);
}

static void flush(struct session *s)
{
    outflow_flush(&s->out);
    outflow_flush(&s->err);
    if (s->out.error && session_is_live(s))
        on_broken(s);
}

static bool go_on(void *arg, struct ws_client_watch *watch)
{
    struct session *s = arg;
    take_signals(s);
    session_input_take(s);
    flush(s);
    watch->fd = session_input_is_read(s) ? s->in_fd : -1;
    return session_is_live(s);
}

/* False: it was tried for long enough. */
static bool tries_later(struct session *s)
{
    uint64_t now = steady_ms();
    s->again_ms = now + s->pause_ms;
    s->pause_ms = 2 * s->pause_ms < PAUSE_MAX ? 2 * s->pause_ms : PAUSE_MAX;
    if (!s->told_lost)
        say_lost(s);
    return now < s->give_up_ms;
}

static void lose_input(struct session *s)
{
    session_say("a part of the input was lost with the connection");
    session_end_as(s, SESSION_FAILED, CLI_REFUSED);
}

/*
 * Where in the input the process stands. While the server may still have some of the old connection's, that
 * is not known: false, and the connection is opened again later.
 */
static bool take_place(struct session *s, const struct ws_client_answer *answer)
{
    if (!s->sent.end)
        return true;
    if (answer->has_input_from && !sent_input_rewind(&s->sent, answer->input_from))
        lose_input(s);
    return answer->has_input_from;
}

static void opened(struct session *s, const struct ws_client_answer *answer)
{
    bool counts = s->result.pid || !s->spec->is_old;
    if (counts && answer->output_from > s->position) {
        session_say("%" PRIu64 " bytes of output are lost", answer->output_from - s->position);
        if (s->spec->is_exact)
            session_end_as(s, SESSION_FAILED, CLI_REFUSED);
    }
    s->result.pid = answer->pid;
    s->position = answer->output_from;
    s->heard_ms = steady_ms();
    s->from_oldest = false;
}

static void write_path(const struct session *s, struct text *path)
{
    const char *mark = s->spec->of_terminal ? "&" : "?";
    if (!s->result.pid) { /* it was never there */
        text_add(path, s->spec->path);
        return;
    }
    text_fmt(path,
             s->spec->of_terminal ? "/sandbox/%s/terminal?pid=%" PRIu32
                                  : "/sandbox/%s/processes/%" PRIu32 "/attach",
             s->spec->sandbox, s->result.pid);
    if (!s->from_oldest) {
        text_fmt(path, "%sfrom=%" PRIu64, mark, s->position);
        mark = "&";
    }
    if (cli_option(s->cli, "admin-access"))
        text_fmt(path, "%sadmin_access=true", mark);
}

static bool may_open_later(enum ws_client_result result, const struct ws_client_answer *answer)
{
    return result == WS_UNREACHABLE ||
           (result == WS_REFUSED && (answer->status >= 500 || answer->status == 429));
}

static void not_opened(struct session *s, enum ws_client_result result, const struct ws_client_answer *answer)
{
    bool gone = result == WS_REFUSED && answer->status == 410;
    bool later = may_open_later(result, answer);
    if (gone && !s->from_oldest) {
        s->from_oldest = true;
        return;
    }
    if (later && tries_later(s))
        return;
    raw_mode_end();
    session_end_as(s, SESSION_FAILED, ws_client_explain(s->cli, result, answer));
}

static void come_back(struct session *s)
{
    struct text path = {0};
    struct ws_client_watch watch = {.fd = session_input_is_read(s) ? s->in_fd : -1, .go_on = go_on, .arg = s};
    struct ws_client_answer answer;
    session_input_take(s);
    if (!session_is_live(s) || steady_ms() < s->again_ms)
        return;
    write_path(s, &path);
    enum ws_client_result result = ws_client_dial(s->cli, path.data, &watch, &s->ws, &answer);
    text_fini(&path);
    if (result == WS_OPEN && !take_place(s, &answer)) {
        ws_client_close(s->ws, WEBSOCKET_NORMAL);
        s->ws = NULL;
        if (session_is_live(s) && !tries_later(s))
            lose_input(s);
    } else if (result == WS_OPEN) {
        opened(s, &answer);
        s->size_due = true;
        if (s->told_lost)
            session_say("connected again");
    } else if (result != WS_STOPPED) {
        not_opened(s, result, &answer);
    }
    json_decref(answer.problem);
}

static void open_first(struct session *s)
{
    struct ws_client_watch watch = {.fd = -1, .go_on = go_on, .arg = s};
    struct ws_client_answer answer;
    enum ws_client_result result = ws_client_dial(s->cli, s->spec->path, &watch, &s->ws, &answer);
    if (result == WS_OPEN)
        opened(s, &answer);
    else if (s->spec->is_exact && may_open_later(result, &answer))
        begin_return(s);
    else if (result != WS_STOPPED)
        session_end_as(s, SESSION_FAILED, ws_client_explain(s->cli, result, &answer));
    json_decref(answer.problem);
}

/* --- the loop --- */

static short out_events(const struct outflow *o)
{
    return outflow_waits(o) ? POLLOUT : 0;
}

/* Descriptors that nothing is awaited of are left out: a hang-up is reported in any case. */
static void wait_for_something(const struct session *s)
{
    short ws_events = 0;
    uint64_t now = steady_ms(), until = s->ws ? s->heard_ms + SILENCE_MS + 1 : s->again_ms;
    if (s->ws)
        ws_events = (short)((session_is_live(s) && has_room(s) ? POLLIN : 0) |
                            (ws_client_waits(s->ws) ? POLLOUT : 0));
    struct pollfd fds[] = {
        {.fd = interrupt_fd(), .events = POLLIN},
        {.fd = ws_events && session_is_live(s) ? ws_client_fd(s->ws) : -1, .events = ws_events},
        {.fd = session_input_is_read(s) && SESSION_INPUT_ROOM - s->input_len >= 2 ? s->in_fd : -1,
         .events = POLLIN},
        {.fd = out_events(&s->out) ? s->out.fd : -1, .events = POLLOUT},
        {.fd = out_events(&s->err) ? s->err.fd : -1, .events = POLLOUT}};
    (void)poll(fds, ARRAY_LEN(fds), until > now ? (int)(until - now) : 0);
}

static void carry(struct session *s)
{
    while (session_is_live(s)) {
        bool lost = !s->ws, opened_now = false;
        take_signals(s);
        if (lost) {
            come_back(s);
            opened_now = s->ws; /* frames may have come with the answer */
        } else {
            session_input_take(s);
            exchange(s);
        }
        flush(s);
        if (session_is_live(s) && !opened_now)
            wait_for_something(s);
    }
    while (s->result.end != SESSION_SIGNALLED && !interrupt_signal() &&
           (outflow_waits(&s->out) || outflow_waits(&s->err))) {
        wait_for_something(s); /* what has come before the end is shown */
        take_signals(s);
        flush(s);
    }
}

/* What came with the end of the process, and could not be written, is no success. */
static void check_written(struct session *s)
{
    if (!s->spec->is_exact || !s->out.error || s->result.end != SESSION_ENDED)
        return;
    if (s->out.error != EPIPE)
        session_say("cannot write to standard output: %s", strerror(s->out.error));
    s->result.code = s->out.error == EPIPE ? CLI_SIGNALLED + SIGPIPE : CLI_FAILED;
}

struct session_result session_run(struct cli *cli, const struct session_spec *spec)
{
    struct session *s = mem_zalloc(sizeof *s);
    s->cli = cli;
    s->spec = spec;
    s->in_fd = -1;
    s->size_due = spec->is_old;
    interrupt_hold_terminal();
    escape_init(&s->escape, spec->escape);
    outflow_init(&s->out, STDOUT_FILENO);
    outflow_init(&s->err, STDERR_FILENO);
    open_first(s);
    if (session_is_live(s)) {
        session_begin_raw(s);
        if (spec->interactive || spec->sends)
            session_input_open(s);
        carry(s);
        check_written(s);
    }
    raw_mode_end();
    ws_client_close(s->ws, WEBSOCKET_NORMAL);
    struct session_result result = s->result;
    outflow_fini(&s->out);
    outflow_fini(&s->err);
    session_input_close(s);
    sent_input_fini(&s->sent);
    free(s);
    return result;
}
