#include "agent/init/init_wait.h"

#include <errno.h>
#include <sys/select.h>

/* Descriptors of an init are far below FD_SETSIZE: init_streams.h bounds them. */
static int by_select(struct pollfd *fds, size_t count, int wait_ms)
{
    fd_set in, out;
    int top = -1;
    struct timeval wait = {wait_ms / 1000, wait_ms % 1000 * 1000};
    FD_ZERO(&in);
    FD_ZERO(&out);
    for (size_t i = 0; i < count; i++) {
        fds[i].revents = 0;
        if (fds[i].fd < 0 || fds[i].fd >= FD_SETSIZE)
            continue;
        top = fds[i].fd > top ? fds[i].fd : top;
        if (fds[i].events & POLLIN)
            FD_SET(fds[i].fd, &in);
        if (fds[i].events & POLLOUT)
            FD_SET(fds[i].fd, &out);
    }
    int n = select(top + 1, &in, &out, NULL, wait_ms < 0 ? NULL : &wait);
    for (size_t i = 0; n > 0 && i < count; i++) {
        if (fds[i].fd < 0 || fds[i].fd >= FD_SETSIZE)
            continue;
        fds[i].revents =
            (short)((FD_ISSET(fds[i].fd, &in) ? POLLIN : 0) | (FD_ISSET(fds[i].fd, &out) ? POLLOUT : 0));
    }
    return n;
}

int init_wait(struct pollfd *fds, size_t count, int wait_ms)
{
    int n = poll(fds, count, wait_ms);
    return n < 0 && errno == EINVAL ? by_select(fds, count, wait_ms) : n;
}
