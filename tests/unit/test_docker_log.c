/* The log of a container, read from a Docker that answers as Docker does: many records in one piece. */
#include "agent/docker/docker.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RECORDS 3

struct reading {
    struct docker_log *log;
    int records;
    bool cancels, ended;
};

struct world {
    char folder[32], path[64];
    struct loop *loop;
    struct docker *docker;
    struct watch watch;
    int listener, fd;
    struct timer over;
};

static void stop(void *arg)
{
    loop_stop(((struct world *)arg)->loop);
}

static void on_connection(void *arg, bool readable, bool writable)
{
    static const char frame[] = "\1\0\0\0\0\0\0\x22"
                                "2026-11-27T08:37:30.981951438Z ab\n";
    char answer[512];
    struct world *w = arg;
    int len = 0;
    w->fd = accept(w->listener, NULL, NULL);
    size_t size = sizeof frame - 1;
    assert_true(w->fd >= 0);
    len = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size * RECORDS);
    for (int i = 0; i < RECORDS; i++, len += (int)size)
        memcpy(answer + len, frame, size);
    assert_int_equal(write(w->fd, answer, (size_t)len), len);
    timer_start(&w->over, w->loop, 300, stop, w);
}

static void on_record(void *arg, const struct log_record *record)
{
    struct reading *reading = arg;
    reading->records++;
    if (reading->cancels) {
        docker_log_cancel(reading->log);
        memset(reading, 0x55, sizeof *reading); /* its owner is gone with that */
    }
}

static void on_end(void *arg, int code, const struct err *e)
{
    struct reading *reading = arg;
    assert_int_equal(code, 0);
    reading->ended = true;
}

static void begin(struct world *w)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *w = (struct world){.folder = "/tmp/corral-docker-log-XXXXXX"};
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->path, sizeof w->path, "%s/docker", w->folder);
    strcpy(address.sun_path, w->path);
    w->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(w->listener, 4), 0);
    w->loop = loop_new();
    w->docker = docker_new(w->loop, w->path);
    watch_start(&w->watch, w->loop, w->listener, true, false, on_connection, w);
}

static void end(struct world *w)
{
    watch_stop(&w->watch);
    docker_free(w->docker);
    loop_free(w->loop);
    close(w->fd);
    close(w->listener);
    unlink(w->path);
    rmdir(w->folder);
}

static void test_read(void **state)
{
    struct docker_log_ask ask = {.container = "sandbox"};
    struct reading reading = {.records = 0};
    struct world w;
    begin(&w);
    reading.log = docker_log_read(w.docker, &ask, on_record, on_end, &reading);
    loop_run(w.loop);
    assert_true(reading.ended && reading.records == RECORDS);
    end(&w);
}

/* "No callback follows", also not of records that came with the one that cancels. */
static void test_cancelled_by_a_record(void **state)
{
    struct docker_log_ask ask = {.container = "sandbox"};
    struct reading reading = {.cancels = true}, gone;
    struct world w;
    memset(&gone, 0x55, sizeof gone);
    begin(&w);
    reading.log = docker_log_read(w.docker, &ask, on_record, on_end, &reading);
    loop_run(w.loop);
    assert_memory_equal(&reading, &gone, sizeof gone);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read),
                                       cmocka_unit_test(test_cancelled_by_a_record)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
