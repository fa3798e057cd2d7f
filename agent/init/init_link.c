#include "agent/init/init_link.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void init_link_init(struct init_link *link, const char *path, uint64_t now_ms)
{
    link->path = path;
    link->fd = link->listen_fd = link->passed = -1;
    link->lost_at_ms = now_ms;
}

unsigned init_link_relay_address(struct sockaddr_un *addr)
{
    *addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(addr->sun_path + 1, INIT_RELAY_NAME, strlen(INIT_RELAY_NAME));
    return (unsigned)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(INIT_RELAY_NAME));
}

bool init_link_listen(struct init_link *link)
{
    struct sockaddr_un address;
    unsigned len = init_link_relay_address(&address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    if (bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 4) != 0) {
        close(fd);
        return false;
    }
    link->listen_fd = fd;
    return true;
}

/* -1: the agent's socket is not there, or out of reach. */
static int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s", path) >= sizeof address.sun_path)
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

bool init_link_connect(struct init_link *link)
{
    int fd = dial(link->path);
    if (fd < 0 && link->listen_fd >= 0)
        fd = accept4(link->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return false;
    link->fd = fd;
    link->in_len = link->in_at = link->out_len = 0;
    return true;
}

int init_link_retry_ms(const struct init_link *link, uint64_t now_ms)
{
    return now_ms - link->lost_at_ms < 2000 ? 10 : 250;
}

void init_link_close(struct init_link *link, uint64_t now_ms)
{
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
    link->lost_at_ms = now_ms;
    int passed = init_link_take_passed(link);
    if (passed >= 0)
        close(passed);
}

int init_link_take_passed(struct init_link *link)
{
    int fd = link->passed;
    link->passed = -1;
    return fd;
}

static bool may_read(const struct init_link *link)
{
    return sizeof link->out - link->out_len >= INIT_LINK_REPLY_ROOM;
}

int init_link_polled(const struct init_link *link)
{
    return link->fd >= 0 ? link->fd : link->listen_fd;
}

short init_link_events(const struct init_link *link)
{
    return (short)((may_read(link) ? POLLIN : 0) | (link->out_len ? POLLOUT : 0));
}

static bool worth_another_try(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* At most one descriptor: the kernel closes those without room. */
static void take_passed(struct init_link *link, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        int before = init_link_take_passed(link);
        if (before >= 0)
            close(before);
        memcpy(&link->passed, CMSG_DATA(c), sizeof link->passed);
    }
}

static ssize_t receive(struct init_link *link)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec room = {link->in + link->in_len, sizeof link->in - link->in_len};
    struct msghdr message = {.msg_iov = &room,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(link->fd, &message, MSG_CMSG_CLOEXEC);
    if (n > 0)
        take_passed(link, &message);
    return n;
}

bool init_link_receive(struct init_link *link)
{
    memmove(link->in, link->in + link->in_at, link->in_len - link->in_at);
    link->in_len -= link->in_at;
    link->in_at = 0;
    if (link->in_len == sizeof link->in)
        return true; /* a complete frame is in the buffer, and waits for room for its answer */
    ssize_t n = receive(link);
    if (n > 0)
        link->in_len += (size_t)n;
    return n > 0 || worth_another_try(n);
}

bool init_link_flush(struct init_link *link)
{
    if (!link->out_len)
        return true;
    ssize_t n = send(link->fd, link->out, link->out_len, MSG_NOSIGNAL);
    if (n < 0)
        return worth_another_try(n);
    link->out_len -= (size_t)n;
    memmove(link->out, link->out + n, link->out_len);
    return true;
}

int init_link_next(struct init_link *link, struct init_frame *out)
{
    if (!may_read(link))
        return 0;
    long size = init_frame_get(link->in + link->in_at, link->in_len - link->in_at, out);
    if (size > 0)
        link->in_at += (size_t)size;
    return size > 0 ? 1 : (int)size;
}

size_t init_link_room(const struct init_link *link, size_t reserve)
{
    size_t taken = link->out_len + sizeof(struct init_head) + reserve;
    return link->fd >= 0 && taken < sizeof link->out ? sizeof link->out - taken : 0;
}

bool init_link_send(struct init_link *link, enum init_type type, uint32_t stream, const void *payload,
                    size_t len)
{
    if (link->fd < 0)
        return false;
    size_t size = init_frame_put(link->out + link->out_len, sizeof link->out - link->out_len, type, stream,
                                 payload, len);
    link->out_len += size;
    return size > 0;
}
