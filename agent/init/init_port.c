#include "agent/init/init_port.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define AGAIN_MS 50 /* between two tries */
#define PIECE    16384

/* --- connecting --- */

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Waits until a connection that was begun stands. Returns 0 or errno. */
static int await_connection(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLOUT};
    uint64_t end = now_ms() + INIT_PORT_CONNECT_MS, now;
    int error = 0, n;
    socklen_t len = sizeof error;
    while ((n = poll(&poller, 1, (now = now_ms()) < end ? (int)(end - now) : 0)) < 0 && errno == EINTR)
        ;
    if (n < 0)
        return errno;
    if (n == 0)
        return ETIMEDOUT;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

/* One try. Returns the socket, or -1 with errno. */
static int connect_to(int family, const struct sockaddr *address, socklen_t len)
{
    int on = 1, fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int error = connect(fd, address, len) == 0 ? 0 : errno;
    if (error == EINPROGRESS)
        error = await_connection(fd);
    if (error) {
        close(fd);
        errno = error;
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* Some servers listen on one family only. What the first says is what is told: a sandbox may have no IPv6. */
static int connect_once(uint16_t port)
{
    struct sockaddr_in v4 = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = connect_to(AF_INET, (const struct sockaddr *)&v4, sizeof v4);
    int error = errno;
    if (fd < 0 && error == ECONNREFUSED)
        fd = connect_to(AF_INET6, (const struct sockaddr *)&v6, sizeof v6);
    errno = error;
    return fd;
}

static int connect_within(uint16_t port, uint64_t wait_ms)
{
    uint64_t end = now_ms() + wait_ms;
    int fd;
    while ((fd = connect_once(port)) < 0 && errno == ECONNREFUSED && now_ms() < end)
        (void)poll(NULL, 0, AGAIN_MS);
    return fd;
}

/* --- carrying --- */

/* Bytes that were read on one side and are not yet written on the other. */
struct flow {
    int from, to; /* from -1: no more comes */
    bool socket;  /* to is the socket, whose end is shut down */
    bool ended;
    size_t at, len;
    char bytes[PIECE];
};

static bool may_go_on(ssize_t n)
{
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* False: the connection broke. */
static bool read_some(struct flow *f)
{
    ssize_t n = read(f->from, f->bytes, sizeof f->bytes);
    if (n == 0)
        f->from = -1;
    else if (n > 0)
        f->len = (size_t)n;
    return n == 0 || may_go_on(n);
}

static bool write_some(struct flow *f)
{
    ssize_t n = f->socket ? send(f->to, f->bytes + f->at, f->len - f->at, MSG_NOSIGNAL)
                          : write(f->to, f->bytes + f->at, f->len - f->at);
    if (n > 0)
        f->at += (size_t)n;
    if (f->at == f->len)
        f->at = f->len = 0;
    return may_go_on(n);
}

static bool step(struct flow *f, short can_read, short can_write)
{
    if (f->len && can_write && !write_some(f))
        return false;
    if (!f->len && f->from >= 0 && can_read && !read_some(f))
        return false;
    if (f->len || f->from >= 0 || f->ended)
        return true;
    f->ended = true;
    if (f->socket)
        (void)shutdown(f->to, SHUT_WR);
    return true;
}

static short wants(const struct flow *f, bool reads)
{
    if (reads)
        return !f->len && f->from >= 0 ? POLLIN : 0;
    return f->len ? POLLOUT : 0;
}

/* A port that takes nothing more, but still sends, is read to its end. Returns the exit code. */
static int carry(int fd, int in, int out)
{
    static struct flow to_port, to_agent;
    to_port = (struct flow){.from = in, .to = fd, .socket = true};
    to_agent = (struct flow){.from = fd, .to = out};
    while (!to_agent.ended) {
        short of_socket = (short)(wants(&to_agent, true) | wants(&to_port, false));
        struct pollfd fds[3] = {{.fd = of_socket ? fd : -1, .events = of_socket},
                                {.fd = wants(&to_port, true) ? in : -1, .events = POLLIN},
                                {.fd = wants(&to_agent, false) ? out : -1, .events = POLLOUT}};
        if (poll(fds, 3, -1) < 0 && errno != EINTR)
            return 1;
        if (!step(&to_port, fds[1].revents, (short)(fds[0].revents & (POLLOUT | POLLERR | POLLHUP))))
            to_port = (struct flow){.from = -1, .to = fd, .socket = true, .ended = true};
        if (!step(&to_agent, (short)(fds[0].revents & (POLLIN | POLLERR | POLLHUP)), fds[2].revents))
            return 1;
    }
    return 0;
}

static bool number(const char *text, unsigned long max, unsigned long *out)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoul(text, &end, 10);
    return !errno && !*end && *out <= max;
}

int init_port_run(int argc, const char *const *argv, int in, int out)
{
    struct init_port_result result = {0};
    unsigned long port, wait_ms;
    if (argc != 3 || !number(argv[1], 65535, &port) || !port ||
        !number(argv[2], INIT_PORT_WAIT_MAX, &wait_ms))
        return 2;
    int fd = connect_within((uint16_t)port, wait_ms);
    result.error = fd < 0 ? (uint32_t)errno : 0;
    if (write(out, &result, sizeof result) != (ssize_t)sizeof result)
        return 1;
    if (fd < 0)
        return 0;
    (void)fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
    (void)fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK);
    int code = carry(fd, in, out);
    close(fd);
    return code;
}

_Static_assert(sizeof(struct init_port_result) == 8, "both ends agree");
