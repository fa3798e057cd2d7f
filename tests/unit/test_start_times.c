#include "common/model/start_times.h"

#include "tests/lib/unit.h"

static void test_steps_follow_each_other(void **state)
{
    struct start_watch watch = {0};
    start_watch_end(&watch, 5);
    assert_int_equal(watch.times.measured, 0);
    start_watch_step(&watch, START_TIME_IMAGE, 1000);
    start_watch_step(&watch, START_TIME_TURN, 1010);
    start_watch_step(&watch, START_TIME_IMAGE, 1010); /* an image that was pulled is looked at again */
    start_watch_step(&watch, START_TIME_CREATE, 1015);
    start_watch_end(&watch, 1100);
    assert_int_equal(watch.times.ms[START_TIME_IMAGE], 15);
    assert_true(start_times_has(&watch.times, START_TIME_TURN)); /* it took place, and took no time */
    assert_int_equal(watch.times.ms[START_TIME_TURN], 0);
    assert_int_equal(watch.times.ms[START_TIME_CREATE], 85);
    assert_false(start_times_has(&watch.times, START_TIME_VOLUME));
    assert_int_equal(start_times_sum(&watch.times), 100);
}

static void test_a_step_has_a_bound(void **state)
{
    struct start_times times = {0};
    start_times_add(&times, START_TIME_IMAGE, UINT64_MAX);
    start_times_add(&times, START_TIME_IMAGE, 1);
    assert_int_equal(times.ms[START_TIME_IMAGE], START_TIME_MAX_MS);
}

static void test_names(void **state)
{
    assert_string_equal(start_time_name(START_TIME_ADMISSION), "admission");
    assert_string_equal(start_time_name(START_TIME_COMMAND), "command");
    assert_false(start_time_by_node(START_TIME_DISPATCH));
    assert_true(start_time_by_node(START_TIME_VOLUME));
}

static void test_what_a_node_can_measure(void **state)
{
    struct start_times times = {0};
    start_times_add(&times, START_TIME_VOLUME, 7);
    assert_true(start_times_of_node(&times));
    start_times_add(&times, START_TIME_ADMISSION, 1);
    times.ms[START_TIME_COPY] = 9; /* not present */
    assert_false(start_times_of_node(&times));
    assert_int_equal(times.measured, 1u << START_TIME_VOLUME);
    assert_int_equal(start_times_sum(&times), 7);
    assert_int_equal(times.ms[START_TIME_COPY], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_follow_each_other), cmocka_unit_test(test_a_step_has_a_bound),
        cmocka_unit_test(test_names), cmocka_unit_test(test_what_a_node_can_measure)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
