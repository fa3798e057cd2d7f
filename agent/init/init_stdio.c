#include "agent/init/init_stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void init_stdio_started(struct init_stdio *stdio)
{
    for (int i = 0; i < 3; i++)
        close_fd(&stdio->child[i]);
}

void init_stdio_close(struct init_stdio *stdio)
{
    init_stdio_started(stdio);
    close_fd(&stdio->in);
    close_fd(&stdio->out[0]);
    close_fd(&stdio->out[1]);
}

/* ours: the init's end, 0 to read from, 1 to write to. */
static bool open_pipe(int *ours_fd, int *child_fd, int ours)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    *ours_fd = ends[ours];
    *child_fd = ends[!ours];
    return fcntl(*ours_fd, F_SETFL, O_NONBLOCK | (ours ? O_WRONLY : O_RDONLY)) == 0;
}

static bool open_pipes(struct init_stdio *stdio, bool with_stdin)
{
    if (with_stdin && !open_pipe(&stdio->in, &stdio->child[0], 1))
        return false;
    if (!with_stdin && (stdio->child[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
        return false;
    return open_pipe(&stdio->out[0], &stdio->child[1], 0) && open_pipe(&stdio->out[1], &stdio->child[2], 0);
}

static bool open_terminal(struct init_stdio *stdio, const struct init_spawn *spawn)
{
    struct winsize size = {.ws_row = spawn->rows, .ws_col = spawn->columns};
    int fd = stdio->out[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || unlockpt(fd) != 0 || ptsname_r(fd, stdio->terminal, sizeof stdio->terminal) != 0)
        return false;
    (void)ioctl(fd, TIOCSWINSZ, &size);
    if (spawn->flags & INIT_PROCESS_STDIN)
        stdio->in = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return !(spawn->flags & INIT_PROCESS_STDIN) || stdio->in >= 0;
}

bool init_stdio_open(struct init_stdio *stdio, const struct init_spawn *spawn)
{
    *stdio = (struct init_stdio){.in = -1, .out = {-1, -1}, .child = {-1, -1, -1}};
    bool good = spawn->flags & INIT_PROCESS_TTY ? open_terminal(stdio, spawn)
                                                : open_pipes(stdio, spawn->flags & INIT_PROCESS_STDIN);
    if (good)
        return true;
    int error = errno;
    init_stdio_close(stdio);
    errno = error;
    return false;
}

/* Not by opening it: gVisor then refuses the ioctl, as it has its session's terminal already. */
static int take_terminal(const char *path)
{
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) != 0)
        return errno;
    for (int i = 0; i < 3; i++)
        if (dup2(fd, i) < 0)
            return errno;
    return setenv("TERM", "xterm", 0) == 0 ? 0 : errno; /* unless the image or the caller sets another */
}

int init_stdio_take(const struct init_stdio *stdio)
{
    setsid();
    if (stdio->terminal[0])
        return take_terminal(stdio->terminal);
    for (int i = 0; i < 3; i++)
        if (dup2(stdio->child[i], i) < 0)
            return errno;
    return 0;
}
