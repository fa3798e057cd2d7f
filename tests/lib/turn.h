/* For tests with a loop: running it for a time, and a client's connection to a server in it. */
#ifndef CORRAL_TESTS_LIB_TURN_H
#define CORRAL_TESTS_LIB_TURN_H

#include "common/io/loop.h"

#include "tests/lib/unit.h"

#include <arpa/inet.h>
#include <sys/socket.h>

static inline void turn_over(void *arg)
{
    loop_stop(arg);
}

static inline void run_for(struct loop *on, uint64_t ms)
{
    struct timer timer = {0};
    timer_start(&timer, on, ms, turn_over, on);
    loop_run(on);
    timer_stop(&timer); /* something else may have stopped the loop */
}

/* buffer: bytes of the socket's buffers each way; 0: the system's. The caller closes it. */
static inline int connect_to(uint16_t port, int buffer)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (buffer) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    }
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

#endif
