#include "common/io/loop.h"

#include "tests/lib/unit.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct seen {
    struct loop *loop;
    struct timer timer;
    struct later later;
    int calls;
};

static void again(void *arg)
{
    struct seen *seen = arg;
    if (++seen->calls < 3)
        timer_start(&seen->timer, seen->loop, 1, again, seen);
    else
        loop_stop(seen->loop);
}

static void test_timer_restarts_itself(void **state)
{
    struct seen seen = {.loop = loop_new()};
    uint64_t before = loop_now_ms();
    timer_start(&seen.timer, seen.loop, 1, again, &seen);
    loop_run(seen.loop);
    assert_int_equal(seen.calls, 3);
    assert_true(loop_now_ms() >= before + 2);
    assert_false(timer_armed(&seen.timer));
    loop_free(seen.loop);
}

static void never(void *arg)
{
    fail();
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void test_stopped_timer_and_later_stay_silent(void **state)
{
    struct seen seen = {.loop = loop_new()};
    struct later last = {0};
    timer_start(&seen.timer, seen.loop, 0, never, NULL);
    later_call(&seen.later, seen.loop, never, NULL);
    timer_stop(&seen.timer);
    later_cancel(&seen.later);
    later_call(&last, seen.loop, stop, seen.loop);
    loop_run(seen.loop);
    loop_free(seen.loop);
}

struct order {
    struct loop *loop;
    struct later first, second, next_turn;
    struct deferred deferred, silent;
    char seen[8];
};

static void note(struct order *order, char c)
{
    size_t len = strlen(order->seen);
    assert_true(len + 1 < sizeof order->seen);
    order->seen[len] = c;
}

static void on_next_turn(void *arg)
{
    struct order *order = arg;
    note(order, 'n');
    loop_stop(order->loop);
}

static void on_deferred(void *arg)
{
    struct order *order = arg;
    note(order, 'd');
    if (strlen(order->seen) == 3)
        deferred_call(&order->deferred, order->loop, on_deferred, order);
}

static void on_first(void *arg)
{
    struct order *order = arg;
    note(order, '1');
    later_call(&order->next_turn, order->loop, on_next_turn, order);
    deferred_call(&order->silent, order->loop, never, order);
    deferred_call(&order->deferred, order->loop, on_deferred, order);
    deferred_call(&order->deferred, order->loop, on_deferred, order);
}

static void on_second(void *arg)
{
    struct order *order = arg;
    note(order, '2');
    deferred_cancel(&order->silent);
}

/* A deferred call runs once, after the events that were ready with it and before the next turn; if it defers
 * itself, it runs again in the next turn. */
static void test_deferred_comes_at_the_end_of_the_turn(void **state)
{
    struct order order = {.loop = loop_new()};
    later_call(&order.first, order.loop, on_first, &order);
    later_call(&order.second, order.loop, on_second, &order);
    loop_run(order.loop);
    assert_string_equal(order.seen, "12ddn");
    deferred_cancel(&order.deferred);
    loop_free(order.loop);
}

static void on_pipe(void *arg, bool readable, bool writable)
{
    assert_true(readable);
    assert_false(writable);
    loop_stop(arg);
}

static void test_watch_sees_bytes(void **state)
{
    struct loop *loop = loop_new();
    struct watch watch = {0};
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    watch_start(&watch, loop, fds[0], true, false, on_pipe, loop);
    assert_int_equal(write(fds[1], "x", 1), 1);
    loop_run(loop);
    watch_stop(&watch);
    close(fds[0]);
    close(fds[1]);
    loop_free(loop);
}

static void test_signal_arrives_on_the_loop(void **state)
{
    struct loop *loop = loop_new();
    struct signal_watch watch = {0};
    signal_watch_start(&watch, loop, SIGHUP, stop, loop);
    raise(SIGHUP);
    loop_run(loop);
    signal_watch_stop(&watch);
    loop_free(loop);
}

/* As after an hour of suspension: the clock that counts suspension is ahead of the one that does not. */
static int read_ahead(void)
{
    struct timespec awake;
    clock_gettime(CLOCK_MONOTONIC, &awake);
    uint64_t awake_ms = (uint64_t)awake.tv_sec * 1000 + (uint64_t)awake.tv_nsec / 1000000;
    return loop_now_ms() >= awake_ms + 3600000 ? 0 : 1;
}

static void test_the_clock_counts_suspension(void **state)
{
    int status = 0;
    pid_t outer = fork();
    if (outer == 0) {
        FILE *f = unshare(CLONE_NEWTIME) ? NULL : fopen("/proc/self/timens_offsets", "w");
        if (!f || fputs("boottime 3600 0\n", f) < 0 || fclose(f))
            _exit(77);
        pid_t inner = fork();
        if (inner == 0)
            _exit(read_ahead());
        _exit(waitpid(inner, &status, 0) == inner && WIFEXITED(status) ? WEXITSTATUS(status) : 2);
    }
    assert_int_equal(waitpid(outer, &status, 0), outer);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip(); /* no time namespaces, or not root */
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timer_restarts_itself),
        cmocka_unit_test(test_the_clock_counts_suspension),
        cmocka_unit_test(test_stopped_timer_and_later_stay_silent),
        cmocka_unit_test(test_deferred_comes_at_the_end_of_the_turn),
        cmocka_unit_test(test_watch_sees_bytes),
        cmocka_unit_test(test_signal_arrives_on_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
