#include "cli/interrupt.h"

#include "common/base/defs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t last;
static int pipe_of[2] = {-1, -1};

static void on_signal(int signo)
{
    int saved = errno;
    last = signo;
    ssize_t n = write(pipe_of[1], "", 1); /* a full pipe wakes as well */
    (void)n;
    errno = saved;
}

void interrupt_hold(void)
{
    static const int held[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction noted = {.sa_handler = on_signal}, before;
    if (pipe_of[0] >= 0)
        return;
    if (pipe2(pipe_of, O_CLOEXEC | O_NONBLOCK))
        abort();
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        bool ignored = !sigaction(held[i], NULL, &before) && before.sa_handler == SIG_IGN;
        if (held[i] == SIGHUP && ignored)
            continue; /* nohup */
        (void)sigaction(held[i], &noted, NULL);
    }
    (void)signal(SIGPIPE, SIG_IGN);
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
    char byte[64];
    last = 0;
    while (pipe_of[0] >= 0 && read(pipe_of[0], byte, sizeof byte) > 0)
        ;
}
