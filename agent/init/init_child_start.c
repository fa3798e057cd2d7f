#include "agent/init/init_child.h"
#include "agent/init/init_exec.h"
#include "agent/init/init_file.h"
#include "agent/init/init_port.h"
#include "agent/init/init_stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SPARE_FDS 6

/* A child that executes nothing has all that the init has open, such as the ends of others' pipes. */
static void close_others(void)
{
    struct rlimit limit = {.rlim_cur = 1024};
    if (!syscall(SYS_close_range, 3u, ~0u, 0u))
        return;
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    for (int fd = 3; fd < (int)limit.rlim_cur; fd++)
        close(fd);
}

/* Closing the rest also tells the init that it has begun. */
static void run_helper(const struct init_start *start)
{
    sigset_t none;
    sigemptyset(&none);
    close_others();
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (!strcmp(start->argv[0], INIT_PORT_HELPER))
        _exit(init_port_run((int)start->argc, start->argv, STDIN_FILENO, STDOUT_FILENO));
    _exit(init_file_run((int)start->argc, start->argv, STDIN_FILENO, STDOUT_FILENO) ? 0 : 2);
}

static void run(uint32_t number, const struct init_spawn *spawn, const struct init_stdio *stdio, int error_fd)
{
    init_tree_mark(number);
    int error = init_stdio_take(stdio);
    if (!error && spawn->flags & INIT_PROCESS_FILE)
        run_helper(&spawn->start);
    if (!error)
        error = init_exec(&spawn->start, false);
    ssize_t n = write(error_fd, &error, sizeof error);
    _exit(n == (ssize_t)sizeof error ? 127 : 126);
}

/* Returns the child's pid, and the end of the pipe that reports whether its program was executed; -1 with
 * errno. */
static pid_t fork_child(uint32_t number, const struct init_spawn *spawn, const struct init_stdio *stdio,
                        int *error_fd)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        run(number, spawn, stdio, fds[1]);
    int error = errno;
    close(fds[1]);
    *error_fd = fds[0];
    if (pid < 0) {
        close(fds[0]);
        *error_fd = -1;
    }
    errno = error;
    return pid;
}

/* Whether so many descriptors are left beside the process's own: for the pipe of fork_child, and for what the
 * init itself needs to answer and to kill (init_tree.c). False with errno. */
static bool has_spare(void)
{
    int spare[SPARE_FDS], count = 0;
    while (count < SPARE_FDS && (spare[count] = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)) >= 0)
        count++;
    bool good = count == SPARE_FDS;
    int error = errno;
    while (count)
        close(spare[--count]);
    errno = error;
    return good;
}

struct init_child *init_child_start(uint32_t number, const struct init_spawn *spawn, uint64_t now_ms)
{
    struct init_stdio stdio;
    struct init_child *child = init_child_new(number, spawn, now_ms);
    if (!child)
        return NULL;
    if (init_stdio_open(&stdio, spawn)) {
        child->pid = has_spare() ? fork_child(number, spawn, &stdio, &child->error_fd) : -1;
        int error = errno;
        init_stdio_started(&stdio);
        if (child->pid < 0)
            init_stdio_close(&stdio);
        errno = error;
    }
    if (child->error_fd < 0) {
        int error = errno;
        init_child_free(child);
        errno = error;
        return NULL;
    }
    child->told.pid = child->pid;
    child->in_fd = stdio.in;
    memcpy(child->out_fd, stdio.out, sizeof child->out_fd);
    return child;
}
