#include "common/base/awake.h"

#include "tests/lib/unit.h"

static void test_it_counts_what_is_looked_at(void **state)
{
    struct awake awake = {0};
    assert_int_equal(awake_read(&awake, 5000), 5000);
    for (uint64_t now = 5250; now <= 30000; now += 250)
        assert_int_equal(awake_read(&awake, now), now);
    assert_int_equal(awake_read(&awake, 30000 + AWAKE_STEP_MS), 30000 + AWAKE_STEP_MS);
}

static void test_it_stands_still_while_nobody_looks(void **state)
{
    struct awake awake = {0};
    awake_read(&awake, 5000);
    assert_int_equal(awake_read(&awake, 65000), 5000 + AWAKE_STEP_MS);
    assert_int_equal(awake_read(&awake, 65000), 5000 + AWAKE_STEP_MS);
    assert_int_equal(awake_read(&awake, 65100), 5100 + AWAKE_STEP_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_counts_what_is_looked_at),
        cmocka_unit_test(test_it_stands_still_while_nobody_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
