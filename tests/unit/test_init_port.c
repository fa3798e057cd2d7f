/* The helper that connects to a port: run in a child, against listeners of the test. */
#include "agent/init/init_port.h"

#include "tests/lib/unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct helper {
    pid_t pid;
    int in, out; /* what the init has of it */
};

static uint16_t listen_on(int *fd)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_false(bind(*fd, (const struct sockaddr *)&at, len) ||
                 getsockname(*fd, (struct sockaddr *)&at, &len));
    return ntohs(at.sin_port);
}

static struct helper start(uint16_t port, const char *wait_ms)
{
    int in[2], out[2];
    char number[8];
    const char *argv[] = {INIT_PORT_HELPER, number, wait_ms, NULL};
    snprintf(number, sizeof number, "%u", port);
    assert_false(pipe(in) || pipe(out));
    pid_t pid = fork();
    if (!pid) {
        close(in[1]);
        close(out[0]);
        _exit(init_port_run(3, argv, in[0], out[1]));
    }
    close(in[0]);
    close(out[1]);
    return (struct helper){pid, in[1], out[0]};
}

static int end(struct helper *h)
{
    int status;
    if (h->in >= 0)
        close(h->in);
    close(h->out);
    assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static uint32_t result_of(struct helper *h)
{
    struct init_port_result result;
    assert_int_equal(read(h->out, &result, sizeof result), sizeof result);
    assert_int_equal(result.zero, 0);
    return result.error;
}

static void test_nothing_listens(void **state)
{
    int fd;
    struct helper h = start(listen_on(&fd), "100"); /* bound, but nobody listens */
    assert_int_equal(result_of(&h), ECONNREFUSED);
    assert_int_equal(end(&h), 0);
    close(fd);
}

static void test_it_waits(void **state)
{
    int fd;
    struct helper h = start(listen_on(&fd), "20000");
    usleep(200000);
    listen(fd, 1);
    assert_int_equal(result_of(&h), 0);
    close(accept(fd, NULL, NULL));
    assert_int_equal(end(&h), 0);
    close(fd);
}

/* The end of the one side leaves the other open. */
static void test_bytes_both_ways(void **state)
{
    int fd;
    char got[8];
    uint16_t port = listen_on(&fd);
    listen(fd, 1);
    struct helper h = start(port, "0");
    int peer = accept(fd, NULL, NULL);
    assert_int_equal(result_of(&h), 0);
    assert_int_equal(write(h.in, "to it", 5), 5);
    assert_int_equal(recv(peer, got, 5, MSG_WAITALL), 5);
    assert_memory_equal(got, "to it", 5);
    close(h.in);
    h.in = -1;
    assert_int_equal(recv(peer, got, 5, 0), 0);
    assert_int_equal(send(peer, "back", 4, 0), 4);
    assert_int_equal(read(h.out, got, 4), 4);
    assert_memory_equal(got, "back", 4);
    close(peer);
    assert_int_equal(read(h.out, got, 4), 0);
    assert_int_equal(end(&h), 0);
    close(fd);
}

static void test_much_both_ways(void **state)
{
    enum { SIZE = 1 << 20 };
    static char bytes[SIZE], back[SIZE];
    int fd;
    uint16_t port = listen_on(&fd);
    listen(fd, 1);
    struct helper h = start(port, "0");
    int peer = accept(fd, NULL, NULL);
    assert_int_equal(result_of(&h), 0);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 7 >> 3);
    if (!fork()) { /* an echo */
        ssize_t n;
        close(h.in);
        close(h.out);
        while ((n = recv(peer, back, sizeof back, 0)) > 0)
            for (ssize_t at = 0, m = 0; at < n && (m = send(peer, back + at, (size_t)(n - at), 0)) > 0;
                 at += m)
                ;
        _exit(0);
    }
    close(peer);
    if (!fork()) {
        for (size_t at = 0; at < SIZE;)
            at += (size_t)write(h.in, bytes + at, SIZE - at);
        _exit(0);
    }
    close(h.in);
    h.in = -1;
    size_t at = 0;
    for (ssize_t n; at < SIZE && (n = read(h.out, back + at, SIZE - at)) > 0;)
        at += (size_t)n;
    assert_int_equal(at, SIZE);
    assert_memory_equal(back, bytes, SIZE);
    assert_int_equal(end(&h), 0);
    while (wait(NULL) > 0)
        ;
    close(fd);
}

static void test_a_connection_that_breaks(void **state)
{
    int fd;
    struct linger none = {.l_onoff = 1};
    uint16_t port = listen_on(&fd);
    listen(fd, 1);
    struct helper h = start(port, "0");
    int peer = accept(fd, NULL, NULL);
    assert_int_equal(result_of(&h), 0);
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(peer);
    assert_int_equal(end(&h), 1);
    close(fd);
}

static void test_arguments(void **state)
{
    static const char *const wrong[][4] = {{"corral-port", "0", "0"},      {"corral-port", "65536", "0"},
                                           {"corral-port", "80", "60001"}, {"corral-port", "80x", "0"},
                                           {"corral-port", "-80", "0"},    {"corral-port", "", "0"},
                                           {"corral-port", "80", " 1"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(init_port_run(3, wrong[i], -1, -1), 2);
    assert_int_equal(init_port_run(2, wrong[0], -1, -1), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_listens),          cmocka_unit_test(test_it_waits),
        cmocka_unit_test(test_bytes_both_ways),          cmocka_unit_test(test_much_both_ways),
        cmocka_unit_test(test_a_connection_that_breaks), cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
