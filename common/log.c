#include "common/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 1024

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* The one global of the log: it is set at start and on SIGHUP, and read by any thread. */
static atomic_int max_level = LOG_INFO;

void log_set_level(enum log_level level)
{
    atomic_store(&max_level, (int)level);
}

bool log_level_parse(const char *name, enum log_level *out)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static size_t clamp_written(int written, size_t room)
{
    if (written < 0)
        return 0;
    return (size_t)written < room ? (size_t)written : room - 1;
}

static size_t write_head(char *line, size_t room, enum log_level level, const char *object)
{
    struct timespec now;
    struct tm utc;
    char at[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%S", &utc);
    return clamp_written(snprintf(line, room, "at=%s.%03ldZ level=%s %s ", at, now.tv_nsec / 1000000,
                                  level_names[level], object),
                         room);
}

static void hide_control_characters(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
    }
}

void log_line(enum log_level level, const char *object, const char *fmt, ...)
{
    if ((int)level > atomic_load(&max_level))
        return;
    char line[LINE_BYTES];
    size_t room = sizeof(line) - 1, len = write_head(line, room, level, object);
    va_list ap;
    va_start(ap, fmt);
    len += clamp_written(vsnprintf(line + len, room - len, fmt, ap), room - len);
    va_end(ap);
    hide_control_characters(line, len);
    line[len++] = '\n';
    /* One write a line keeps lines of several threads apart; a log that cannot be written is no reason to
     * stop. */
    ssize_t ignored = write(STDERR_FILENO, line, len);
    (void)ignored;
}

void log_set_level_name(const char *name)
{
    enum log_level level;
    if (log_level_parse(name, &level))
        log_set_level(level);
}
