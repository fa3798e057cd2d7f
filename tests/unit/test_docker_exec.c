/* Docker's exec, of a Docker that answers as Docker does: both ways, its refusals, and its ends. */
#include "agent/docker/docker.h"
#include "agent/docker/docker_frames.h"
#include "tests/lib/turn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct world {
    char folder[32], path[64];
    struct loop *loop;
    struct docker *docker;
    struct docker_exec *exec;
    struct watch watch, request;
    int asking;
    int listener, docker_fd;       /* docker_fd: Docker's end of the connection that starts the exec */
    const char *created, *started; /* what Docker answers */
    int called, code, fd;
} world;

static void turn(void)
{
    run_for(world.loop, 5);
}

#define UNTIL(condition)                                                                                     \
    for (uint64_t until_ = loop_now_ms() + 20000; !(condition); turn())                                      \
    assert_true(loop_now_ms() < until_)

/* False: the asker has left. */
static bool read_request(int fd, char *out, size_t size)
{
    size_t len = 0, body = 0;
    char *blank = NULL, *length;
    while (!blank || len < (size_t)(blank - out) + 4 + body) {
        ssize_t n = recv(fd, out + len, size - 1 - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        out[len] = 0;
        if ((blank = strstr(out, "\r\n\r\n")) && (length = strstr(out, "Content-Length: ")))
            body = strtoul(length + 16, NULL, 10);
    }
    return true;
}

/* Its whole request is there: it fits into one piece. */
static void on_request(void *arg, bool readable, bool writable)
{
    char request[2048];
    int fd = world.asking;
    watch_stop(&world.request);
    if (!read_request(fd, request, sizeof request)) {
        close(fd);
        return;
    }
    bool starts = strstr(request, "/exec/" ID "/start HTTP/1.1") != NULL;
    const char *answer = starts ? world.started : world.created;
    if (!starts)
        assert_non_null(
            strstr(request, "{\"AttachStdin\":true,\"AttachStdout\":true,\"Cmd\":[\"/a\",\"b c\"]}"));
    assert_int_equal(write(fd, answer, strlen(answer)), strlen(answer));
    if (starts)
        world.docker_fd = fd;
    else
        close(fd);
}

static void on_connection(void *arg, bool readable, bool writable)
{
    world.asking = accept4(world.listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(world.asking >= 0);
    watch_start(&world.request, world.loop, world.asking, true, false, on_request, NULL);
}

static void on_exec(void *arg, int code, const struct err *e, int fd)
{
    world.called++;
    world.code = code;
    world.fd = fd;
}

static int begin(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    world = (struct world){
        .folder = "/tmp/corral-docker-exec-XXXXXX",
        .docker_fd = -1,
        .fd = -1,
        .created = "HTTP/1.1 201 Created\r\nContent-Length: 73\r\n\r\n{\"Id\":\"" ID "\"}",
        .started = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
    };
    assert_non_null(mkdtemp(world.folder));
    snprintf(world.path, sizeof world.path, "%s/docker", world.folder);
    strcpy(address.sun_path, world.path);
    world.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(world.listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(world.listener, 4), 0);
    world.loop = loop_new();
    world.docker = docker_new(world.loop, world.path);
    watch_start(&world.watch, world.loop, world.listener, true, false, on_connection, NULL);
    return 0;
}

static int end(void **state)
{
    docker_exec_free(world.exec);
    watch_stop(&world.watch);
    docker_free(world.docker);
    loop_free(world.loop);
    close(world.fd);
    close(world.docker_fd);
    close(world.listener);
    unlink(world.path);
    rmdir(world.folder);
    return 0;
}

static void run(void)
{
    struct string_list command = {0};
    string_list_add(&command, "/a");
    string_list_add(&command, "b c");
    world.exec = docker_exec_run(world.docker, "sandbox", &command, on_exec, NULL);
    string_list_fini(&command);
}

static void stands(void)
{
    run();
    UNTIL(world.called);
    assert_int_equal(world.code, 0);
    assert_true(world.fd >= 0);
    fcntl(world.fd, F_SETFL, O_NONBLOCK);
    fcntl(world.docker_fd, F_SETFL, O_NONBLOCK);
}

static size_t read_some(int fd, char *out, size_t size)
{
    ssize_t n = recv(fd, out, size, MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0;
}

static void expect(int fd, const char *text)
{
    char got[256];
    size_t len = 0;
    UNTIL((len += read_some(fd, got + len, strlen(text) - len)) == strlen(text));
    assert_memory_equal(got, text, len);
}

static void expect_end(int fd)
{
    char byte;
    ssize_t n;
    UNTIL((n = recv(fd, &byte, 1, MSG_DONTWAIT)) >= 0 || errno != EAGAIN);
    assert_true(n <= 0);
}

static void test_both_ways(void **state)
{
    static const char frames[] =
        "\1\0\0\0\0\0\0\3one\2\0\0\0\0\0\0\5wrong\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\4 two";
    world.started = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n";
    stands();
    for (size_t i = 0; i < sizeof frames - 1; i++) {
        assert_int_equal(write(world.docker_fd, frames + i, 1), 1);
        turn();
    }
    expect(world.fd, "one two");
    assert_int_equal(write(world.fd, "in", 2), 2);
    expect(world.docker_fd, "in");
    close(world.docker_fd);
    world.docker_fd = -1;
    expect_end(world.fd);
    assert_int_equal(world.called, 1);
}

static void test_the_caller_ends_it(void **state)
{
    stands();
    assert_int_equal(write(world.fd, "last", 4), 4);
    close(world.fd);
    world.fd = -1;
    expect(world.docker_fd, "last");
    expect_end(world.docker_fd);
}

/* Docker's side stands still while nobody reads, and loses nothing. */
static void test_back_pressure(void **state)
{
    static uint8_t frame[8 + 4096] = {1, 0, 0, 0, 0, 0, 16, 0};
    size_t sent = 0, got = 0;
    static char piece[1 << 20];
    ssize_t n;
    stands();
    for (int still = 0; still < 20; turn()) {
        n = write(world.docker_fd, frame + sent % sizeof frame, sizeof frame - sent % sizeof frame);
        sent += n > 0 ? (size_t)n : 0;
        still = n > 0 ? 0 : still + 1;
        assert_true(sent < (8u << 20));
    }
    size_t partial = sent % sizeof frame,
           payload = sent / sizeof frame * 4096 + (partial > 8 ? partial - 8 : 0);
    UNTIL((got += read_some(world.fd, piece, sizeof piece)) >= payload);
    assert_int_equal(got, payload);
}

static void test_what_is_no_frame(void **state)
{
    stands();
    assert_int_equal(write(world.docker_fd, "OCI runtime", 11), 11);
    expect_end(world.fd);
}

static void test_refusals(void **state)
{
    world.started = "HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}";
    run();
    UNTIL(world.called);
    assert_int_equal(world.code, ERR_IO);
    assert_int_equal(world.fd, -1);
    docker_exec_free(world.exec);
    world.created = "HTTP/1.1 404 Not Found\r\nContent-Length: 15\r\n\r\n{\"message\":\"-\"}";
    run();
    UNTIL(world.called == 2);
    assert_int_equal(world.code, ERR_NOT_FOUND);
}

static void test_freed_early(void **state)
{
    run();
    docker_exec_free(world.exec);
    world.exec = NULL;
    for (int i = 0; i < 20; i++)
        turn();
    assert_int_equal(world.called, 0);
}

static void test_frames_that_are_cut_anywhere(void **state)
{
    static const char whole[] = "\1\0\0\0\0\0\0\3one\2\0\0\0\0\0\0\2no\1\0\0\0\0\0\1\0";
    for (size_t cut = 0; cut < sizeof whole; cut++) {
        struct docker_unframe u = {.left = 0};
        uint8_t bytes[sizeof whole];
        size_t first = cut, second = sizeof whole - 1 - (cut < sizeof whole - 1 ? cut : sizeof whole - 1);
        if (first > sizeof whole - 1)
            first = sizeof whole - 1;
        memcpy(bytes, whole, sizeof whole);
        size_t rest = first;
        assert_true(docker_unframe(&u, bytes, &first));
        assert_true(docker_unframe(&u, bytes + rest, &second));
        assert_int_equal(first + second, 3);
        assert_int_equal(u.left, 256);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_both_ways, begin, end),
        cmocka_unit_test_setup_teardown(test_the_caller_ends_it, begin, end),
        cmocka_unit_test_setup_teardown(test_back_pressure, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_no_frame, begin, end),
        cmocka_unit_test_setup_teardown(test_refusals, begin, end),
        cmocka_unit_test_setup_teardown(test_freed_early, begin, end),
        cmocka_unit_test(test_frames_that_are_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
