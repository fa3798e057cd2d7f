#include "controller/core/starts.h"

#include "tests/lib/unit.h"

static struct sandbox_id id_of(uint16_t n)
{
    return sandbox_id_make(1, (uint8_t[10]){(uint8_t)n, (uint8_t)(n >> 8)});
}

static struct start_times of_node(uint64_t volume_ms, uint64_t create_ms)
{
    struct start_times times = {0};
    start_times_add(&times, START_TIME_VOLUME, volume_ms);
    start_times_add(&times, START_TIME_CREATE, create_ms);
    return times;
}

static bool over(struct starts *starts, const struct sandbox_id *id)
{
    uint64_t whole_ms;
    return starts_over(starts, id, &whole_ms);
}

static uint64_t counted(const struct starts *starts, enum start_time step)
{
    return starts_times(starts, step)->count;
}

static void test_the_steps_are_the_whole(void **state)
{
    struct starts *starts = starts_new();
    struct sandbox_id id = id_of(1);
    struct start_times times = of_node(20, 90);
    starts_admitted(starts, 1000, &id, 7);
    assert_true(starts_told(starts, 1125, &id, &times));
    assert_int_equal(times.ms[START_TIME_ADMISSION], 7);
    assert_int_equal(times.ms[START_TIME_DISPATCH], 15);
    assert_int_equal(start_times_sum(&times), 7 + 125);
    struct start_times again = of_node(20, 90); /* the move is tried again, after PostgreSQL was away */
    assert_true(starts_told(starts, 9000, &id, &again));
    assert_memory_equal(&again, &times, sizeof times);
    assert_int_equal(counted(starts, START_TIME_CREATE), 0);
    over(starts, &id);
    over(starts, &id);
    assert_int_equal(counted(starts, START_TIME_CREATE), 1);
    assert_int_equal(starts_times(starts, START_TIME_CREATE)->sum_us, 90000);
    assert_int_equal(starts_times(starts, START_TIME_CREATE)->in[4], 1); /* at most 100 ms */
    assert_int_equal(counted(starts, START_TIME_COPY), 0);
    starts_free(starts);
}

static void test_a_node_that_lies(void **state)
{
    struct starts *starts = starts_new();
    struct sandbox_id id = id_of(1);
    struct start_times times = of_node(START_TIME_MAX_MS, 90);
    starts_admitted(starts, 1000, &id, 7);
    assert_false(starts_told(starts, 1125, &id, &times));
    assert_int_equal(times.measured, 1u << START_TIME_ADMISSION);
    over(starts, &id);
    assert_int_equal(counted(starts, START_TIME_VOLUME), 0);
    assert_int_equal(counted(starts, START_TIME_ADMISSION), 1);
    starts_free(starts);
}

static void test_clocks_may_differ_a_little(void **state)
{
    struct starts *starts = starts_new();
    struct sandbox_id id = id_of(1);
    struct start_times times = of_node(5, 100);
    starts_admitted(starts, 1000, &id, 7);
    assert_true(starts_told(starts, 1100, &id, &times));
    assert_true(start_times_has(&times, START_TIME_DISPATCH));
    assert_int_equal(times.ms[START_TIME_DISPATCH], 0);
    starts_free(starts);
}

static void test_what_nobody_measured_is_not_invented(void **state)
{
    struct starts *starts = starts_new();
    struct sandbox_id known = id_of(1), unknown = id_of(2), failed = id_of(3);
    struct start_times none = {0}, some = of_node(1, 2);
    starts_admitted(starts, 1000, &known, 7);
    assert_true(starts_told(starts, 2000, &known, &none)); /* its agent was restarted meanwhile */
    assert_int_equal(none.measured, 1u << START_TIME_ADMISSION);
    assert_true(starts_told(starts, 2000, &unknown, &some)); /* another controller admitted it */
    assert_false(start_times_has(&some, START_TIME_ADMISSION));
    assert_int_equal(some.ms[START_TIME_CREATE], 2);
    over(starts, &unknown);
    starts_admitted(starts, 1000, &failed, 7); /* it never ran */
    over(starts, &failed);
    assert_int_equal(counted(starts, START_TIME_ADMISSION), 0);
    starts_clear(starts);
    over(starts, &known);
    assert_int_equal(counted(starts, START_TIME_ADMISSION), 0);
    starts_free(starts);
}

static void test_buckets(void **state)
{
    struct starts *starts = starts_new();
    static const uint64_t took[] = {0, 5, 6, 300000, 300001};
    static const size_t bucket[] = {0, 0, 1, HISTOGRAM_BOUNDS_MAX - 1, HISTOGRAM_BOUNDS_MAX};
    for (uint16_t i = 0; i < 5; i++) {
        struct sandbox_id id = id_of(i);
        struct start_times none = {0};
        uint64_t before = starts_times(starts, START_TIME_ADMISSION)->in[bucket[i]];
        starts_admitted(starts, 1, &id, took[i]);
        assert_true(starts_told(starts, 1, &id, &none));
        over(starts, &id);
        assert_int_equal(starts_times(starts, START_TIME_ADMISSION)->in[bucket[i]], before + 1);
    }
    starts_free(starts);
}

static void test_as_many_as_there_is_room_for(void **state)
{
    struct starts *starts = starts_new();
    for (unsigned i = 0; i <= STARTS_MAX; i++) {
        struct sandbox_id id = id_of((uint16_t)i);
        starts_admitted(starts, 1, &id, 3);
    }
    struct sandbox_id last = id_of(STARTS_MAX);
    struct start_times none = {0};
    assert_true(starts_told(starts, 1, &last, &none));
    assert_int_equal(none.measured, 0);
    starts_free(starts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_steps_are_the_whole),
                                       cmocka_unit_test(test_a_node_that_lies),
                                       cmocka_unit_test(test_clocks_may_differ_a_little),
                                       cmocka_unit_test(test_what_nobody_measured_is_not_invented),
                                       cmocka_unit_test(test_buckets),
                                       cmocka_unit_test(test_as_many_as_there_is_room_for)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
