#include "common/io/log.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 1024
#define HALF_BYTES (128 * 1024) /* of lines that wait, and as many again that are being written */
#define END_MS     1000         /* log_end waits this long for lines that are not written yet */

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* Set at start and on SIGHUP, read by any thread. */
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

/*
 * Lines that wait for stderr. If the reader of stderr stops, or its disk hangs, a write blocks, and the loop
 * must not block with it. So a thread writes. Lines for which there is no room are dropped and counted.
 */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_t thread;
    bool running, stopping;
    struct half {
        size_t len;
        char bytes[HALF_BYTES];
    } half[2], *filling;
    unsigned long long left_out; /* lines dropped since that was last reported */
} out = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER, .filling = &out.half[0]};

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

/* Failing to write the log is no reason to stop. */
static void write_out(const char *bytes, size_t len)
{
    ssize_t ignored = write(STDERR_FILENO, bytes, len);
    (void)ignored;
}

static bool put(const char *line, size_t len)
{
    struct half *half = out.filling;
    if (len > sizeof half->bytes - half->len)
        return false;
    memcpy(half->bytes + half->len, line, len);
    half->len += len;
    return true;
}

/* Reports the dropped lines, once there is room again. */
static void put_left_out(void)
{
    char line[LINE_BYTES];
    if (!out.left_out)
        return;
    size_t len = write_head(line, sizeof line, LOG_WARN, "log");
    len += clamp_written(snprintf(line + len, sizeof line - len,
                                  "%llu lines were left out: the reader of the log was too slow\n",
                                  out.left_out),
                         sizeof line - len);
    if (put(line, len))
        out.left_out = 0;
}

/* Returns false if there is no thread; the caller writes then. */
static bool hand_over(const char *line, size_t len)
{
    pthread_mutex_lock(&out.lock);
    bool running = out.running;
    if (running) {
        put_left_out();
        out.left_out += out.left_out || !put(line, len);
        pthread_cond_signal(&out.more);
    }
    pthread_mutex_unlock(&out.lock);
    return running;
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
    if (!hand_over(line, len))
        write_out(line, len); /* one write per line keeps lines of several threads apart */
}

/* --- the thread --- */

/* Writes whole lines, at most PIPE_BUF bytes at once, so that a pipe does not mix them with others' lines. */
static void write_half(const struct half *half)
{
    for (size_t at = 0; at < half->len;) {
        size_t rest = half->len - at, len = rest < PIPE_BUF ? rest : PIPE_BUF;
        while (half->bytes[at + len - 1] != '\n')
            len--;
        write_out(half->bytes + at, len);
        at += len;
    }
}

static void *run(void *arg)
{
    pthread_mutex_lock(&out.lock);
    for (;;) {
        struct half *half = out.filling;
        if (!half->len)
            put_left_out();
        if (!half->len && out.stopping)
            break;
        if (!half->len) {
            pthread_cond_wait(&out.more, &out.lock);
            continue;
        }
        out.filling = &out.half[half == &out.half[0]];
        pthread_mutex_unlock(&out.lock);
        write_half(half);
        pthread_mutex_lock(&out.lock);
        half->len = 0;
    }
    pthread_mutex_unlock(&out.lock);
    return NULL;
}

void log_begin(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&out.lock);
    out.stopping = false;
    out.running = out.running || !pthread_create(&out.thread, NULL, run, NULL);
    pthread_mutex_unlock(&out.lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void log_end(void)
{
    struct timespec until;
    pthread_mutex_lock(&out.lock);
    bool running = out.running;
    out.stopping = true;
    pthread_cond_signal(&out.more);
    pthread_mutex_unlock(&out.lock);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += END_MS / 1000;
    if (!running || pthread_timedjoin_np(out.thread, NULL, &until))
        return; /* the thread is still writing: lines keep going to it, so no caller blocks */
    pthread_mutex_lock(&out.lock);
    out.running = false;
    pthread_mutex_unlock(&out.lock);
}

void log_set_level_name(const char *name)
{
    enum log_level level;
    if (log_level_parse(name, &level))
        log_set_level(level);
}
