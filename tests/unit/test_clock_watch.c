#include "controller/core/clock_watch.h"

#include "tests/lib/unit.h"

#define THEN 1700000000000

static void test_it_is_known_to_within_an_answers_time(void **state)
{
    struct clock_watch w = {0};
    assert_int_equal(clock_watch_sample(&w, 1000, 1040, THEN + 1020), 0);
    assert_int_equal(clock_watch_offset(&w), THEN);
    assert_int_equal(clock_watch_sample(&w, 2000, 6000, THEN + 5900),
                     0); /* a slow sample does not widen the bounds */
    assert_true(w.most_ms - w.least_ms <= 60);
    assert_int_equal(clock_watch_sample(&w, 7000, 7002, THEN + 7001), 0);
    assert_true(w.most_ms - w.least_ms <= 2);
}

static void test_it_is_set(void **state)
{
    struct clock_watch w = {0};
    clock_watch_sample(&w, 1000, 1010, THEN + 1005);
    assert_in_range(clock_watch_sample(&w, 2000, 2010, THEN + 2005 + 600000), 599990, 600010);
    assert_int_equal(clock_watch_sample(&w, 3000, 3010, THEN + 3005 + 600000), 0);
    assert_in_range(-clock_watch_sample(&w, 4000, 4010, THEN + 4005 - 600000), 1199990, 1200010);
    assert_in_range(clock_watch_offset(&w), THEN - 600010, THEN - 599990);
}

/* A step that is less than a slow answer took is found with the next quick one. */
static void test_a_slow_answer_hides_it_for_a_moment(void **state)
{
    struct clock_watch w = {0};
    clock_watch_sample(&w, 1000, 1010, THEN + 1005);
    assert_int_equal(clock_watch_sample(&w, 2000, 10000, THEN + 3000 + 5000), 0);
    assert_in_range(clock_watch_sample(&w, 11000, 11010, THEN + 11005 + 5000), 4980, 5020);
}

static void test_a_clock_that_drifts_is_followed(void **state)
{
    struct clock_watch w = {0};
    clock_watch_sample(&w, 1000, 1002, THEN + 1001);
    for (uint64_t s = 1; s <= 100000; s++) /* 500 ppm, as ntpd slews */
        assert_int_equal(clock_watch_sample(&w, 1000 + s * 1000, 1002 + s * 1000,
                                            THEN + 1001 + (int64_t)s * 1000 + (int64_t)s / 2),
                         0);
    assert_in_range(clock_watch_offset(&w), THEN + 49900, THEN + 50100);
}

/* As ntpd does from 128 ms on: each step is too small to be reported alone; their sum of half a minute is
 * reported. */
static void test_it_is_set_by_little_again_and_again(void **state)
{
    struct clock_watch w = {0};
    int64_t told = 0, was = 0;
    clock_watch_sample(&w, 1000, 1002, THEN + 1001);
    for (uint64_t s = 1; s <= 400; s++) {
        int64_t set = (int64_t)(s / 10) * 900;
        told +=
            clock_watch_sample(&w, 1000 + s * 1000, 1002 + s * 1000, THEN + 1001 + (int64_t)s * 1000 + set);
        assert_in_range(set - told + CLOCK_STEP_MS + 100, 0, 2 * (CLOCK_STEP_MS + 100));
        was = set;
    }
    assert_int_equal(was, 36000);
    for (uint64_t s = 401; s <= 500; s++) { /* a step and its reverse: nothing to report */
        int64_t set = was + (s % 2 ? 600 : 0);
        told +=
            clock_watch_sample(&w, 1000 + s * 1000, 1002 + s * 1000, THEN + 1001 + (int64_t)s * 1000 + set);
        assert_in_range(set - told + CLOCK_STEP_MS + 100, 0, 2 * (CLOCK_STEP_MS + 100));
    }
}

/* The process was suspended together with its machine: both clocks went on. */
static void test_a_long_time_between_two_samples(void **state)
{
    struct clock_watch w = {0};
    clock_watch_sample(&w, 1000, 1002, THEN + 1001);
    assert_int_equal(clock_watch_sample(&w, 86401000, 86401002, THEN + 86401001), 0);
    assert_int_equal(clock_watch_sample(&w, 86402000, 86500000, THEN + 86402001), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_known_to_within_an_answers_time),
        cmocka_unit_test(test_it_is_set),
        cmocka_unit_test(test_a_slow_answer_hides_it_for_a_moment),
        cmocka_unit_test(test_a_clock_that_drifts_is_followed),
        cmocka_unit_test(test_it_is_set_by_little_again_and_again),
        cmocka_unit_test(test_a_long_time_between_two_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
