#include "agent/init/init_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define END_OF_FILE                                                                                          \
    4 /* the character that ends a terminal's input, where its program did not choose another */

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static bool worth_another_try(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

struct init_child *init_child_new(uint32_t number, const struct init_spawn *spawn, uint64_t now_ms)
{
    struct init_child *child = calloc(1, sizeof *child);
    uint8_t *note = malloc(spawn->note_len + 1);
    if (!child || !note) {
        free(child);
        free(note);
        errno = ENOMEM;
        return NULL;
    }
    if (spawn->note_len)
        memcpy(note, spawn->note, spawn->note_len);
    child->number = number;
    child->note = note;
    child->told = (struct init_process){.started_at_ms = wall_ms(),
                                        .state = INIT_STARTING,
                                        .flags = spawn->flags,
                                        .rows = spawn->rows,
                                        .columns = spawn->columns,
                                        .note_len = spawn->note_len};
    memcpy(child->told.token, spawn->token, sizeof child->told.token);
    child->deadline_ms = spawn->timeout_ms ? now_ms + spawn->timeout_ms : 0;
    child->report_ms = now_ms + INIT_REPORT_MS;
    child->in_given = INIT_STDIN_WINDOW;
    child->awaits_reader = spawn->flags & (INIT_PROCESS_FILE | INIT_PROCESS_EXEC);
    child->holds = spawn->flags & INIT_PROCESS_HOLD;
    child->error_fd = child->in_fd = child->out_fd[0] = child->out_fd[1] = -1;
    return child;
}

void init_child_free(struct init_child *child)
{
    close_fd(&child->error_fd);
    close_fd(&child->in_fd);
    for (int i = 0; i < INIT_CHILD_OUTS; i++)
        close_fd(&child->out_fd[i]);
    init_ring_drop(&child->ring);
    free(child->in);
    free(child->note);
    free(child);
}

void init_child_read_error(struct init_child *child)
{
    ssize_t n = read(child->error_fd, &child->error, sizeof child->error);
    if (worth_another_try(n))
        return;
    close_fd(&child->error_fd);
    if (n != (ssize_t)sizeof child->error)
        child->error = 0;
    if (!child->error && child->told.state == INIT_STARTING) {
        child->told.state = INIT_RUNNING;
        child->dirty = true;
    }
}

size_t init_child_pending(const struct init_child *child, int out)
{
    int n = 0;
    return ioctl(child->out_fd[out], FIONREAD, &n) == 0 && n > 0 ? (size_t)n : 0;
}

/* The child was reaped; its end is reported once its output was read. */
void init_child_reaped(struct init_child *child, int status, uint64_t now_ms)
{
    if (child->error_fd >= 0)
        init_child_read_error(child);
    child->pid = 0;
    child->told.ended_at_ms = wall_ms();
    child->linger_ms = now_ms + INIT_LINGER_MS;
    if (child->error)
        child->told.exit = (struct init_exit){INIT_EXIT_NOT_STARTED, child->error};
    else if (WIFSIGNALED(status))
        child->told.exit = (struct init_exit){INIT_EXIT_SIGNAL, WTERMSIG(status)};
    else
        child->told.exit = (struct init_exit){INIT_EXIT_CODE, WEXITSTATUS(status)};
    for (int i = 0; i < INIT_CHILD_OUTS; i++)
        child->due[i] = child->out_fd[i] >= 0 ? init_child_pending(child, i) : 0;
}

/* --- input --- */

uint32_t init_child_window(const struct init_child *child)
{
    return child->told.flags & INIT_PROCESS_FILE ? INIT_STDIN_WINDOW_MAX : INIT_STDIN_WINDOW;
}

static void drop_in(struct init_child *child)
{
    close_fd(&child->in_fd);
    free(child->in);
    child->in = NULL;
    child->in_len = child->in_at = 0;
}

void init_child_put_in(struct init_child *child, const uint8_t *bytes, size_t len)
{
    child->told.stdin_taken += len;
    child->in_given -= (uint32_t)len;
    if (child->in_fd < 0 || child->in_ends)
        return;
    if (!child->in) { /* as a rule its pipe takes everything, and nothing is kept */
        ssize_t n = write(child->in_fd, bytes, len);
        if (n < 0 && !worth_another_try(n)) {
            drop_in(child); /* nobody reads it any more */
            return;
        }
        bytes += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
        if (!len)
            return;
    }
    if (!child->in && !(child->in = malloc(init_child_window(child)))) {
        if (child->told.flags & INIT_PROCESS_FILE && child->pid)
            kill(child->pid, SIGKILL); /* a helper would take the end of its input for the end of a file */
        drop_in(child);                /* no memory: it sees end of input, as if its input broke */
        return;
    }
    memmove(child->in, child->in + child->in_at, child->in_len - child->in_at);
    child->in_len -= child->in_at;
    child->in_at = 0;
    memcpy(child->in + child->in_len, bytes, len);
    child->in_len += len;
    init_child_move_in(child);
}

void init_child_end_in(struct init_child *child)
{
    static const uint8_t end = END_OF_FILE;
    if (child->in_fd < 0 || child->in_ends)
        return;
    child->in_ends = true;
    if (!child->in && child->told.flags & INIT_PROCESS_TTY) {
        ssize_t n = write(child->in_fd, &end, 1);
        (void)n; /* it does not read */
    }
    if (!child->in)
        drop_in(child);
}

void init_child_move_in(struct init_child *child)
{
    ssize_t n = write(child->in_fd, child->in + child->in_at, child->in_len - child->in_at);
    if (n > 0)
        child->in_at += (size_t)n;
    else if (!worth_another_try(n))
        drop_in(child); /* nobody reads it any more */
    if (!child->in || child->in_at < child->in_len)
        return;
    free(child->in);
    child->in = NULL;
    child->in_len = child->in_at = 0;
    if (child->in_ends) {
        child->in_ends = false;
        init_child_end_in(child);
    }
}

/* A helper for files is told half as often, since each time wakes the agent. */
uint32_t init_child_credit(struct init_child *child)
{
    uint32_t waits = (uint32_t)(child->in_len - child->in_at);
    uint32_t window = init_child_window(child), more = window - waits - child->in_given;
    return more >= window / (child->told.flags & INIT_PROCESS_FILE ? 2 : 4) ? more : 0;
}

void init_child_over(struct init_child *child)
{
    drop_in(child);
    child->told.state = INIT_ENDED;
    child->dirty = true;
}

/* --- output --- */

void init_child_read_out(struct init_child *child, int out, size_t cap)
{
    static uint8_t bytes[INIT_DATA_MAX];
    ssize_t n = read(child->out_fd[out], bytes, cap < sizeof bytes ? cap : sizeof bytes);
    if (worth_another_try(n))
        return;
    if (n <= 0) { /* a terminal gives EIO once no process has it open */
        close_fd(&child->out_fd[out]);
        child->due[out] = 0;
        return;
    }
    if (child->is_over)
        return;
    init_ring_put(&child->ring, out == 1, bytes, (size_t)n);
    child->due[out] -= child->due[out] < (size_t)n ? child->due[out] : (size_t)n;
}

/* --- acts --- */

void init_child_signal(const struct init_child *child, int signo)
{
    if (!child->pid)
        return;
    /* The group exists only after the child has called setsid; before that the signal goes to the child
     * alone. */
    if (kill(-child->pid, signo) != 0)
        kill(child->pid, signo);
}

void init_child_resize(struct init_child *child, const struct init_size *size)
{
    struct winsize window = {.ws_row = size->rows, .ws_col = size->columns};
    if (!(child->told.flags & INIT_PROCESS_TTY) || child->out_fd[0] < 0)
        return;
    (void)ioctl(child->out_fd[0], TIOCSWINSZ, &window);
    child->told.rows = size->rows;
    child->told.columns = size->columns;
    child->dirty = true;
}
