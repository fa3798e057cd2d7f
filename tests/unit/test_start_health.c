#include "agent/core/start_health.h"

#include "tests/lib/unit.h"

static void failing(struct start_health *h, uint64_t now, int times)
{
    for (int i = 0; i < times; i++)
        start_health_failed(h, now, "its disk is full", "");
}

static void test_the_third_in_a_row_makes_it_unhealthy(void **state)
{
    struct start_health h = {0};
    failing(&h, 1000, START_HEALTH_FAILURES - 1);
    assert_false(start_health_unhealthy(&h, 1000));
    start_health_well(&h);
    failing(&h, 1000, START_HEALTH_FAILURES - 1);
    assert_false(start_health_unhealthy(&h, 1000));
    failing(&h, 1000, 1);
    assert_true(start_health_unhealthy(&h, 1000));
    assert_string_equal(h.why, "its disk is full");
}

static void test_it_is_tried_again_and_one_failure_is_enough_then(void **state)
{
    struct start_health h = {0};
    uint64_t now = 1000, pause = START_HEALTH_PAUSE_MS;
    failing(&h, now, START_HEALTH_FAILURES + 20); /* the other starts were under way */
    for (int i = 0; i <= START_HEALTH_PAUSES_MAX + 3; i++) {
        assert_true(start_health_unhealthy(&h, now + pause - 1));
        now += pause;
        assert_false(start_health_unhealthy(&h, now));
        failing(&h, now, 1);
        assert_true(start_health_unhealthy(&h, now));
        if (i < START_HEALTH_PAUSES_MAX)
            pause *= 2;
    }
}

static void test_one_that_goes_well_forgives_all(void **state)
{
    struct start_health h = {0};
    failing(&h, 1000, START_HEALTH_FAILURES);
    start_health_well(&h); /* a start that was under way */
    assert_false(start_health_unhealthy(&h, 1001));
    failing(&h, 1001, START_HEALTH_FAILURES - 1);
    assert_false(start_health_unhealthy(&h, 1001));
}

static void test_nobody_alone_makes_it_unhealthy(void **state)
{
    struct start_health h = {0};
    for (int i = 0; i < 10; i++)
        start_health_failed(&h, 1000, "Docker did not answer", "usr_A");
    assert_false(start_health_unhealthy(&h, 1000));
    start_health_failed(&h, 1000, "Docker did not answer", "usr_B");
    assert_false(start_health_unhealthy(&h, 1000));
    start_health_failed(&h, 1000, "Docker did not answer", "usr_C");
    assert_true(start_health_unhealthy(&h, 1000));
    uint64_t later = 1000 + START_HEALTH_PAUSE_MS;
    start_health_failed(&h, later, "Docker did not answer", "usr_C");
    assert_false(start_health_unhealthy(&h, later));
    start_health_failed(&h, later, "its disk is full", "");
    assert_true(start_health_unhealthy(&h, later));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_third_in_a_row_makes_it_unhealthy),
        cmocka_unit_test(test_it_is_tried_again_and_one_failure_is_enough_then),
        cmocka_unit_test(test_one_that_goes_well_forgives_all),
        cmocka_unit_test(test_nobody_alone_makes_it_unhealthy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
