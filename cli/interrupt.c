#include "cli/interrupt.h"

#include "common/base/defs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t last;
static volatile sig_atomic_t came[NSIG]; /* of those that do not end programs */
static int pipe_of[2] = {-1, -1};

static void on_signal(int signo)
{
    int saved = errno;
    if (signo == SIGWINCH || signo == SIGTSTP || signo == SIGCONT)
        came[signo] = 1;
    else
        last = signo;
    ssize_t n = write(pipe_of[1], "", 1); /* a full pipe wakes as well */
    (void)n;
    errno = saved;
}

static void note(int signo)
{
    struct sigaction noted = {.sa_handler = on_signal};
    (void)sigaction(signo, &noted, NULL);
}

static bool is_ignored(int signo)
{
    struct sigaction before;
    return !sigaction(signo, NULL, &before) && before.sa_handler == SIG_IGN;
}

void interrupt_hold(void)
{
    static const int held[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    if (pipe_of[0] >= 0)
        return;
    if (pipe2(pipe_of, O_CLOEXEC | O_NONBLOCK))
        abort();
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        if (held[i] != SIGHUP || !is_ignored(SIGHUP)) /* nohup */
            note(held[i]);
    }
    (void)signal(SIGPIPE, SIG_IGN);
}

void interrupt_hold_terminal(void)
{
    interrupt_hold();
    note(SIGWINCH);
    note(SIGCONT);
    if (!is_ignored(SIGTSTP))
        note(SIGTSTP);
}

bool interrupt_came(int signo)
{
    bool is = came[signo];
    came[signo] = 0;
    return is;
}

void interrupt_wake_taken(void)
{
    char byte[64];
    while (pipe_of[0] >= 0 && read(pipe_of[0], byte, sizeof byte) > 0)
        ;
}

void interrupt_stop(void)
{
    (void)signal(SIGTSTP, SIG_DFL);
    (void)raise(SIGTSTP);
    note(SIGTSTP);
}

void interrupt_die(int signo)
{
    (void)signal(signo, SIG_DFL);
    (void)raise(signo);
    _exit(128 + signo); /* it is blocked */
}

int interrupt_signal(void)
{
    return last;
}

int interrupt_fd(void)
{
    return pipe_of[0];
}

void interrupt_forget(void)
{
    last = 0;
    interrupt_wake_taken();
}
