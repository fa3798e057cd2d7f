#include "agent/init/init_relay.h"

#include "agent/init/init_link.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#define RETRY_MS 10
#define BYTES    65536

/* One way. It reads only when it has written what it read before. */
struct way {
    int from, to;
    size_t at, len;
    char bytes[BYTES];
};

static int connect_to_init(void)
{
    struct sockaddr_un address;
    unsigned len = init_link_relay_address(&address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    for (int waited = 0; fd >= 0 && connect(fd, (struct sockaddr *)&address, len) != 0; waited += RETRY_MS) {
        if (waited >= INIT_RELAY_WAIT_MS) {
            close(fd);
            return -1;
        }
        (void)poll(NULL, 0, RETRY_MS);
    }
    return fd;
}

static bool worth_another_try(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* False: its end. */
static bool fill(struct way *way)
{
    ssize_t n = read(way->from, way->bytes, sizeof way->bytes);
    way->at = 0;
    way->len = n > 0 ? (size_t)n : 0;
    return n > 0 || worth_another_try(n);
}

/* What poll says is writable takes PIPE_BUF bytes without blocking: a relay that blocked one way would hold
 * up the other. */
static bool drain(struct way *way)
{
    size_t left = way->len - way->at;
    ssize_t n = write(way->to, way->bytes + way->at, left < PIPE_BUF ? left : PIPE_BUF);
    way->at += n > 0 ? (size_t)n : 0;
    if (way->at == way->len)
        way->at = way->len = 0;
    return n > 0 || worth_another_try(n);
}

static bool move(struct way *way, const struct pollfd *polled)
{
    if (!polled->revents)
        return true;
    return way->len ? drain(way) : fill(way);
}

static struct pollfd polled_of(const struct way *way)
{
    return way->len ? (struct pollfd){.fd = way->to, .events = POLLOUT}
                    : (struct pollfd){.fd = way->from, .events = POLLIN};
}

int init_relay(int in, int out)
{
    static struct way to_init, from_init;
    int fd = connect_to_init();
    if (fd < 0)
        return 125;
    to_init.from = in;
    to_init.to = from_init.from = fd;
    from_init.to = out;
    bool goes_on = true;
    while (goes_on) {
        struct pollfd fds[2] = {polled_of(&to_init), polled_of(&from_init)};
        if (poll(fds, 2, -1) < 0)
            goes_on = errno == EINTR;
        else
            goes_on = move(&to_init, &fds[0]) && move(&from_init, &fds[1]);
    }
    close(fd);
    return 0;
}
