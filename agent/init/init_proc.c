#include "agent/init/init_proc.h"

#include "agent/init/init_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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

static void run_child(int error_fd, const struct init_start *start, const struct init_out *out)
{
    init_out_take(out);
    setsid();
    int error = init_exec(start, true);
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
    /* The group exists only after the child has called setsid; before that the signal goes to the child
     * alone. */
    if (kill(-proc->pid, signo) != 0)
        kill(proc->pid, signo);
}
