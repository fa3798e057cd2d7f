#include "tests/lib/unit.h"

#include "controller/core/rates.h"

static void test_creates_of_the_last_minute(void **state)
{
    struct rates rates = {0};
    struct rates_view view;
    for (uint64_t i = 0; i < 90; i++)
        rates_created(&rates, 1000000 + i * 1000);
    rates_view(&rates, 1000000 + 89 * 1000, &view);
    assert_int_equal(view.creates_per_minute, 60);
    rates_view(&rates, 1000000 + 120 * 1000, &view);
    assert_int_equal(view.creates_per_minute, 29);
    rates_view(&rates, 1000000 + 1000 * 1000, &view);
    assert_int_equal(view.creates_per_minute, 0);
    assert_int_equal(rates.creates, 90);
}

static void test_ranks_of_the_latest_starts(void **state)
{
    struct rates rates = {0};
    struct rates_view view;
    rates_view(&rates, 0, &view);
    assert_int_equal(view.p99_ms, 0);
    for (uint64_t i = 100; i > 0; i--)
        rates_started(&rates, i);
    rates_view(&rates, 0, &view);
    assert_int_equal(view.p50_ms, 50);
    assert_int_equal(view.p95_ms, 95);
    assert_int_equal(view.p99_ms, 99);
    for (int i = 0; i < 2 * RATES_STARTS; i++)
        rates_started(&rates, 7);
    rates_view(&rates, 0, &view);
    assert_int_equal(view.p99_ms, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_creates_of_the_last_minute),
                                       cmocka_unit_test(test_ranks_of_the_latest_starts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
