#include "agent/init/init_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void init_proc_init(struct init_proc *proc)
{
    *proc = (struct init_proc){.error_fd = -1};
}

static void end_not_started(struct init_proc *proc, int error)
{
    proc->state = INIT_MAIN_ENDED;
    proc->end = (struct init_exit){.kind = INIT_EXIT_NOT_STARTED, .value = error ? error : EIO};
}

/* The folder of an image's that nobody has made, and its parents; why not, chdir says. */
static void make_folder(const char *path)
{
    char part[PATH_MAX];
    for (size_t n = 1; path[n - 1] && n < sizeof part; n++) {
        if (path[n] && path[n] != '/')
            continue;
        memcpy(part, path, n);
        part[n] = 0;
        (void)mkdir(part, 0755);
    }
}

/*
 * As execvp, but for what the kernel does not take for a program: that is an error, as under Docker, and not
 * handed to a shell, which an image may not even have.
 */
static int execute(char *const *argv)
{
    const char *at = getenv("PATH"), *name = argv[0];
    char path[PATH_MAX];
    int error = ENOENT;
    if (strchr(name, '/')) {
        execv(name, argv);
        return errno;
    }
    for (at = at ? at : "/bin:/usr/bin"; *name && at; at = *at ? at + 1 : NULL) {
        size_t len = strcspn(at, ":");
        int n = snprintf(path, sizeof path, "%.*s%s%s", (int)len, at, len ? "/" : "", name);
        errno = ENOENT;
        if (n > 0 && (size_t)n < sizeof path)
            execv(path, argv);
        if (errno == EACCES)
            error = EACCES; /* unless there is another */
        else if (errno != ENOENT && errno != ENOTDIR)
            return errno;
        at += len;
    }
    return error;
}

/* In the child. The environment is changed first, since PATH in it decides what is found. */
static int invoke(const struct init_start *start)
{
    sigset_t none;
    sigemptyset(&none);
    setsid();
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (uint32_t i = 0; i < start->envc; i++)
        if (putenv((char *)(uintptr_t)start->env[i]) != 0)
            return errno;
    if (start->cwd[0])
        make_folder(start->cwd);
    if (start->cwd[0] && chdir(start->cwd) != 0)
        return errno == ENOENT ? EACCES : errno; /* the program may well exist: 126, not 127 */
    return execute((char *const *)(uintptr_t)start->argv);
}

static void run_child(int error_fd, const struct init_start *start, const struct init_out *out)
{
    init_out_take(out);
    int error = invoke(start);
    ssize_t n = write(error_fd, &error, sizeof error);
    _exit(n == (ssize_t)sizeof error ? 127 : 126);
}

static void start_child(struct init_proc *proc, const struct init_start *start, const struct init_out *out)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        end_not_started(proc, errno);
        return;
    }
    pid_t pid = fork();
    if (pid == 0)
        run_child(fds[1], start, out);
    int error = errno;
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        end_not_started(proc, error);
        return;
    }
    proc->pid = pid;
    proc->error_fd = fds[0];
    proc->state = INIT_MAIN_RUNNING;
}

void init_proc_start(struct init_proc *proc, const struct init_start *start, struct init_out *out)
{
    if (init_out_open(out))
        start_child(proc, start, out);
    else
        end_not_started(proc, errno);
    init_out_started(out);
}

bool init_proc_read_error(struct init_proc *proc)
{
    ssize_t n = read(proc->error_fd, &proc->error, sizeof proc->error);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    close(proc->error_fd);
    proc->error_fd = -1;
    if (n != (ssize_t)sizeof proc->error)
        proc->error = 0;
    return proc->error == 0;
}

void init_proc_reaped(struct init_proc *proc, int status)
{
    if (proc->error_fd >= 0)
        init_proc_read_error(proc);
    proc->state = INIT_MAIN_ENDED;
    if (proc->error)
        end_not_started(proc, proc->error);
    else if (WIFSIGNALED(status))
        proc->end = (struct init_exit){.kind = INIT_EXIT_SIGNAL, .value = WTERMSIG(status)};
    else
        proc->end = (struct init_exit){.kind = INIT_EXIT_CODE, .value = WEXITSTATUS(status)};
}

void init_proc_signal(const struct init_proc *proc, int signo)
{
    if (proc->state != INIT_MAIN_RUNNING)
        return;
    /* The group exists only once the child has called setsid; before that the child alone is meant. */
    if (kill(-proc->pid, signo) != 0)
        kill(proc->pid, signo);
}
