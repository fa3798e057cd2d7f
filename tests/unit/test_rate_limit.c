#include "tests/lib/unit.h"

#include "controller/core/rate_limit.h"

static void test_burst_then_rate(void **state)
{
    struct rate_bucket b = {0};
    struct rate_rule rule = {50, 100};
    for (int i = 0; i < 100; i++)
        assert_true(rate_take(&b, &rule, 1000).allowed);
    struct rate_answer a = rate_take(&b, &rule, 1000);
    assert_false(a.allowed);
    assert_int_equal(a.remaining, 0);
    assert_int_equal(a.reset_seconds, 2);
    assert_true(rate_take(&b, &rule, 1020).allowed);
    assert_false(rate_take(&b, &rule, 1020).allowed);
    int allowed = 0;
    for (uint64_t now = 1020; now < 11020; now++)
        allowed += rate_take(&b, &rule, now).allowed;
    assert_in_range(allowed, 499, 500);
    assert_int_equal(rate_take(&b, &rule, 1000000).remaining, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_burst_then_rate)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
