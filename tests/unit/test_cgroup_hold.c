#include "agent/cgroup/cgroup_hold.h"

#include "tests/lib/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct err e;

/* Reads what was written to a pipe until the other end is closed. */
static size_t drain(int fd, char *out, size_t size)
{
    size_t len = 0;
    ssize_t n;
    while (len < size && (n = read(fd, out + len, size - len)) > 0)
        len += (size_t)n;
    return len;
}

/* Released at first, then held, then released because it is freed; a write that a later one overtook may be
 * missing. */
static void test_the_last_write_holds(void **state)
{
    struct cgroup_holds *holds;
    int ends[2];
    char text[64];
    assert_int_equal(cgroup_holds_new(&holds, &e), 0);
    assert_int_equal(pipe(ends), 0);
    struct cgroup_hold *h = cgroup_hold_new(holds, ends[1], "1", "0");
    assert_int_equal(read(ends[0], text, 1), 1);
    assert_int_equal(text[0], '0');
    cgroup_hold_set(h, true);
    cgroup_hold_set(h, true);
    assert_int_equal(read(ends[0], text, 1), 1);
    assert_int_equal(text[0], '1');
    cgroup_hold_free(h);
    cgroup_holds_free(holds);
    assert_int_equal(drain(ends[0], text, sizeof text), 1);
    assert_int_equal(text[0], '0');
    close(ends[0]);
}

/* A write to a freezer may wait for the kernel: a full pipe stands for it. All threads but one wait there. */
static int full_pipe(int ends[2])
{
    char byte = 'x';
    if (pipe(ends) || fcntl(ends[1], F_SETPIPE_SZ, 4096) < 0 || fcntl(ends[1], F_SETFL, O_NONBLOCK))
        return -1;
    while (write(ends[1], &byte, 1) == 1)
        ;
    return fcntl(ends[1], F_SETFL, 0);
}

static void test_what_is_stuck_holds_up_itself_alone(void **state)
{
    struct cgroup_holds *holds;
    int stuck[CGROUP_HANDS - 1][2], good[2];
    char byte;
    static char rest[8192];
    assert_int_equal(cgroup_holds_new(&holds, &e), 0);
    for (int i = 0; i < CGROUP_HANDS - 1; i++) {
        assert_int_equal(full_pipe(stuck[i]), 0);
        struct cgroup_hold *h = cgroup_hold_new(holds, stuck[i][1], "1", "0");
        cgroup_hold_set(h, true);
        cgroup_hold_free(h); /* a thread may still write it */
    }
    assert_int_equal(pipe(good), 0);
    struct cgroup_hold *h = cgroup_hold_new(holds, good[1], "1", "0");
    assert_int_equal(read(good[0], &byte, 1), 1);
    for (int i = 0; i < 100; i++) {
        cgroup_hold_set(h, true);
        assert_int_equal(read(good[0], &byte, 1), 1);
        assert_int_equal(byte, '1');
        cgroup_hold_set(h, false);
        assert_int_equal(read(good[0], &byte, 1), 1);
        assert_int_equal(byte, '0');
    }
    cgroup_hold_free(h);
    for (int i = 0; i < CGROUP_HANDS - 1; i++) {
        size_t len = drain(stuck[i][0], rest, sizeof rest);
        assert_int_equal(rest[len - 1], '0');
        close(stuck[i][0]);
    }
    cgroup_holds_free(holds);
    close(good[0]);
}

#define ASKERS 4

static void *ask(void *arg)
{
    for (int i = 0; i < 2000; i++)
        cgroup_hold_set(arg, i % 2);
    return NULL;
}

static void *empty(void *arg)
{
    char bytes[256];
    while (read(*(int *)arg, bytes, sizeof bytes) > 0)
        ;
    return NULL;
}

static void test_many_ask_at_once(void **state)
{
    struct cgroup_holds *holds;
    int ends[2];
    pthread_t reader, asker[ASKERS];
    assert_int_equal(cgroup_holds_new(&holds, &e), 0);
    assert_int_equal(pipe(ends), 0);
    struct cgroup_hold *h = cgroup_hold_new(holds, ends[1], "1", "0");
    assert_int_equal(pthread_create(&reader, NULL, empty, &ends[0]), 0);
    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_create(&asker[i], NULL, ask, h), 0);
    for (int i = 0; i < ASKERS; i++)
        pthread_join(asker[i], NULL);
    cgroup_hold_free(h);
    cgroup_holds_free(holds);
    pthread_join(reader, NULL);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_last_write_holds),
                                       cmocka_unit_test(test_what_is_stuck_holds_up_itself_alone),
                                       cmocka_unit_test(test_many_ask_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
