#include "common/base/pace.h"

#include "tests/lib/unit.h"

static void test_a_burst_is_free(void **state)
{
    struct pace p = {0};
    pace_spend(&p, 5000, PACE_BURST_US);
    assert_int_equal(pace_wait_ms(&p, 5000), 0);
    pace_spend(&p, 5000, 1);
    assert_int_equal(pace_wait_ms(&p, 5000), 1);
    assert_int_equal(pace_wait_ms(&p, 5001), 0);
}

static void test_who_spends_on_gets_the_share(void **state)
{
    struct pace p = {0};
    uint64_t spent_us = 0;
    for (uint64_t now = 1; now <= 100000; now++) {
        if (pace_wait_ms(&p, now))
            continue;
        pace_spend(&p, now, 700);
        spent_us += 700;
    }
    assert_in_range(spent_us, 100000000 / PACE_SHARE, 100000000 / PACE_SHARE + PACE_BURST_US + PACE_DEBT_US);
}

static void test_the_wait_is_bounded(void **state)
{
    struct pace p = {0};
    pace_spend(&p, 1, UINT64_MAX);
    assert_int_equal(pace_wait_ms(&p, 1), PACE_DEBT_US * PACE_SHARE / 1000);
    assert_int_equal(pace_full_ms(&p, 1), (PACE_DEBT_US + PACE_BURST_US) * PACE_SHARE / 1000);
    pace_spend(&p, 1, UINT64_MAX);
    assert_int_equal(pace_wait_ms(&p, 1), PACE_DEBT_US * PACE_SHARE / 1000);
    assert_int_equal(pace_wait_ms(&p, UINT64_MAX / 2), 0);
    assert_int_equal(pace_full_ms(&p, UINT64_MAX / 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_burst_is_free),
                                       cmocka_unit_test(test_who_spends_on_gets_the_share),
                                       cmocka_unit_test(test_the_wait_is_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
