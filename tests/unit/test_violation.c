#include "agent/core/violation.h"
#include "tests/lib/unit.h"

struct counts {
    int opened, critical, closed;
};

static struct counts feed(struct violation *v, enum violation_kind kind, const int *percents, int count,
                          uint64_t *now_ms)
{
    struct counts sum = {0};
    for (int i = 0; i < count; i++, *now_ms += 1000) {
        struct violation_step s =
            violation_tick(v, &violation_default_rules[kind], (uint64_t)percents[i], 100, *now_ms);
        sum.opened += s.opened;
        sum.critical += s.became_critical;
        sum.closed += s.closed;
    }
    return sum;
}

static void test_one_episode_however_many_samples(void **state)
{
    static const int percents[] = {50, 89, 90, 94, 91, 86, 90, 85, 84, 84, 50};
    struct violation v = {0};
    uint64_t now = 5;
    struct counts c = feed(&v, VIOLATION_MEMORY, percents, ARRAY_LEN(percents), &now);
    assert_int_equal(c.opened, 1);
    assert_int_equal(c.critical, 0);
    assert_int_equal(c.closed, 1);
}

static void test_a_jump_to_critical_opens_the_warning_in_the_same_step(void **state)
{
    struct violation v = {0};
    struct violation_step s = violation_tick(&v, &violation_default_rules[VIOLATION_MEMORY], 95, 100, 1);
    assert_true(s.opened && s.became_critical && !s.closed);
    s = violation_tick(&v, &violation_default_rules[VIOLATION_MEMORY], 99, 100, 2);
    assert_false(s.opened || s.became_critical || s.closed);
}

static void test_cpu_counts_only_when_sustained_both_ways(void **state)
{
    struct violation v = {0};
    uint64_t now = 0;
    int busy[60], calm[60];
    for (int i = 0; i < 60; i++) {
        busy[i] = 100;
        calm[i] = 10;
    }
    assert_int_equal(feed(&v, VIOLATION_CPU, busy, 59, &now).opened, 0);
    assert_int_equal(feed(&v, VIOLATION_CPU, calm, 1, &now).opened, 0);
    assert_int_equal(feed(&v, VIOLATION_CPU, busy, 60, &now).opened, 0);
    assert_int_equal(feed(&v, VIOLATION_CPU, busy, 1, &now).opened, 1);
    assert_int_equal(feed(&v, VIOLATION_CPU, calm, 60, &now).closed, 0);
    assert_int_equal(feed(&v, VIOLATION_CPU, calm, 1, &now).closed, 1);
}

static void test_shares_survive_huge_and_missing_limits(void **state)
{
    assert_int_equal(violation_share_centi(UINT64_MAX, UINT64_MAX), 10000);
    assert_int_equal(violation_share_centi(UINT64_MAX, 1), UINT32_MAX);
    assert_int_equal(violation_share_centi(5, 0), 0);
    struct violation v = {.level = VIOLATION_WARNING};
    assert_true(violation_tick(&v, &violation_default_rules[VIOLATION_CPU], 9, 0, 1).closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_episode_however_many_samples),
        cmocka_unit_test(test_a_jump_to_critical_opens_the_warning_in_the_same_step),
        cmocka_unit_test(test_cpu_counts_only_when_sustained_both_ways),
        cmocka_unit_test(test_shares_survive_huge_and_missing_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
