#include "cli/session_core.h"

#include "cli/interrupt.h"
#include "cli/raw_mode.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void session_say(const char *format, ...)
{
    bool raw = raw_mode_is_on();
    char text[400], line[420];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(line, sizeof line, "%scorral: %s%s", raw ? "\r\n" : "", text, raw ? "\r\n" : "\n");
    outflow_note(STDERR_FILENO, line);
}

bool session_is_live(const struct session *s)
{
    return s->result.end == SESSION_LIVE;
}

void session_end_as(struct session *s, enum session_end how, int code)
{
    if (!session_is_live(s))
        return;
    s->result.end = how;
    s->result.code = code;
}

void session_begin_raw(const struct session *s)
{
    if (s->spec->interactive)
        raw_mode_begin();
}

void session_stop(struct session *s)
{
    bool raw = raw_mode_is_on();
    raw_mode_end();
    interrupt_stop();
    if (raw)
        session_begin_raw(s);
    s->size_due = true;
}
