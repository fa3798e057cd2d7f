#include "common/base/defs.h"
#include "common/base/histogram.h"

#include "tests/lib/unit.h"

static const struct histogram_bounds bounds = {{10, 100, 1000}};

static void test_each_time_is_in_one_bucket(void **state)
{
    static const uint64_t took[] = {0, 10, 11, 100, 1000, 1001, UINT32_MAX};
    struct histogram h = {0};
    for (size_t i = 0; i < ARRAY_LEN(took); i++)
        histogram_add(&h, &bounds, took[i]);
    assert_int_equal(histogram_bound_count(&bounds), 3);
    assert_int_equal(h.in[0], 2);
    assert_int_equal(h.in[1], 2);
    assert_int_equal(h.in[2], 1);
    assert_int_equal(h.in[3], 2);
    assert_int_equal(h.count, 7);
    assert_true(h.sum_us == 10 + 11 + 100 + 1000 + 1001 + (uint64_t)UINT32_MAX);
}

static void test_as_many_bounds_as_there_may_be(void **state)
{
    struct histogram_bounds all = {{0}};
    struct histogram h = {0};
    for (size_t i = 0; i < HISTOGRAM_BOUNDS_MAX; i++)
        all.us[i] = i + 1;
    assert_int_equal(histogram_bound_count(&all), HISTOGRAM_BOUNDS_MAX);
    histogram_add(&h, &all, HISTOGRAM_BOUNDS_MAX);
    histogram_add(&h, &all, HISTOGRAM_BOUNDS_MAX + 1);
    assert_int_equal(h.in[HISTOGRAM_BOUNDS_MAX - 1], 1);
    assert_int_equal(h.in[HISTOGRAM_BOUNDS_MAX], 1);
}

static void test_sums(void **state)
{
    struct histogram a = {0}, b = {0};
    histogram_add(&a, &bounds, 5);
    histogram_add(&b, &bounds, 6);
    histogram_add(&b, &bounds, 5000);
    histogram_merge(&a, &b);
    assert_int_equal(a.in[0], 2);
    assert_int_equal(a.in[3], 1);
    assert_int_equal(a.count, 3);
    assert_int_equal(a.sum_us, 5011);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_time_is_in_one_bucket),
                                       cmocka_unit_test(test_as_many_bounds_as_there_may_be),
                                       cmocka_unit_test(test_sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
