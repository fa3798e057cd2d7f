#include "agent/core/violation.h"
#include "tests/lib/unit.h"

/* The levels of the contract. */
static const struct violation_levels contract = {90, 95, 85, 90, 80, 60, 80, 75, 90, 80, 30};

static const struct violation_rule *rules(void)
{
    static struct violation_rule out[VIOLATION_KIND_COUNT];
    violation_rules(&(struct violation_levels){0}, &contract, out);
    return out;
}

struct counts {
    int opened, critical, closed;
};

static struct counts feed(struct violation *v, enum violation_kind kind, const int *percents, int count,
                          uint64_t *now_ms)
{
    struct counts sum = {0};
    for (int i = 0; i < count; i++, *now_ms += 1000) {
        struct violation_step s = violation_tick(v, &rules()[kind], (uint64_t)percents[i], 100, *now_ms);
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
    struct violation_step s = violation_tick(&v, &rules()[VIOLATION_MEMORY], 95, 100, 1);
    assert_true(s.opened && s.became_critical && !s.closed);
    s = violation_tick(&v, &rules()[VIOLATION_MEMORY], 99, 100, 2);
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

/* Swings between 95 and 10 percent, two seconds each: the first opening and the first closing are reported at
 * once; then one of each in 30 seconds, with the number of swings in between. */
static void test_flapping_makes_one_episode_in_its_time(void **state)
{
    struct violation v = {0};
    struct counts sum = {0};
    uint64_t last_closed = 0, swings = 0;
    for (uint64_t now = 0; now < 600000; now += 1000) {
        bool high = now / 2000 % 2 == 0;
        struct violation_step s = violation_tick(&v, &rules()[VIOLATION_PIDS], high ? 95 : 10, 100, now);
        sum.opened += s.opened;
        sum.closed += s.closed;
        swings += s.swings;
        if (now <= 4000) /* reported at once */
            assert_int_equal(sum.opened * 10 + sum.closed, now < 2000 ? 10 : now < 4000 ? 11 : 21);
        if (s.closed && last_closed)
            assert_true(now - last_closed >= 30000);
        if (s.closed)
            last_closed = now;
    }
    assert_in_range(sum.opened, 15, 22);
    assert_true(sum.opened - sum.closed <= 1);
    assert_in_range(swings + (uint64_t)sum.opened + v.swings, 150,
                    150); /* every rise is an opening or a swing */
}

static void test_a_held_closing_comes_in_its_time(void **state)
{
    struct violation v = {0};
    const struct violation_rule *r = &rules()[VIOLATION_DISK];
    assert_true(violation_tick(&v, r, 90, 100, 1000).opened);
    assert_true(violation_tick(&v, r, 10, 100, 2000).closed);
    assert_true(violation_tick(&v, r, 90, 100, 3000).opened);
    assert_false(violation_tick(&v, r, 10, 100, 4000).closed);
    assert_false(violation_tick(&v, r, 78, 100, 5000).closed); /* between the levels: still above */
    assert_int_equal(v.level, VIOLATION_WARNING);
    assert_false(violation_tick(&v, r, 90, 100, 6000).opened);
    assert_false(violation_tick(&v, r, 10, 100, 31999).closed);
    struct violation_step s = violation_tick(&v, r, 10, 100, 32000);
    assert_true(s.closed);
    assert_int_equal(s.swings, 1);
    assert_true(violation_tick(&v, r, 90, 100, 90000).opened);
    assert_true(violation_tick(&v, r, 10, 100, 91000).closed); /* long after the last one: at once */
    struct violation_rule none = *r;
    none.episode_ms = 0;
    assert_true(violation_tick(&v, &none, 90, 100, 92000).opened);
    assert_true(violation_tick(&v, &none, 10, 100, 93000).closed);
}

static void test_shares_survive_huge_and_missing_limits(void **state)
{
    assert_int_equal(violation_share_centi(UINT64_MAX, UINT64_MAX), 10000);
    assert_int_equal(violation_share_centi(UINT64_MAX, 1), UINT32_MAX);
    assert_int_equal(violation_share_centi(5, 0), 0);
    struct violation v = {.level = VIOLATION_WARNING};
    assert_true(violation_tick(&v, &rules()[VIOLATION_CPU], 9, 0, 1).closed);
}

static void test_a_tiers_levels_and_its_nodes(void **state)
{
    static const struct {
        struct violation_levels own;
        enum violation_kind kind;
        struct violation_rule rule;
    } cases[] = {
        {{0}, VIOLATION_MEMORY, {9000, 9500, 8500, 0, 30000}},
        {{0}, VIOLATION_CPU, {9000, 0, 8000, 60000, 30000}},
        {{0}, VIOLATION_DISK, {8000, 0, 7500, 0, 30000}},
        {{0}, VIOLATION_PIDS, {9000, 0, 8000, 0, 30000}},
        {{.memory_critical = 99}, VIOLATION_MEMORY, {9000, 9900, 8500, 0, 30000}},
        {{.memory_warning = 97}, VIOLATION_MEMORY, {9700, 9700, 8500, 0, 30000}},
        {{.memory_warning = 60}, VIOLATION_MEMORY, {6000, 9500, 5500, 0, 30000}},
        {{.memory_warning = 3}, VIOLATION_MEMORY, {300, 9500, 0, 0, 30000}},
        {{.memory_warning = 60, .memory_clear = 59}, VIOLATION_MEMORY, {6000, 9500, 5900, 0, 30000}},
        {{.cpu_seconds = 1, .cpu_warning = 50, .cpu_clear = 10}, VIOLATION_CPU, {5000, 0, 1000, 1000, 30000}},
        {{.disk_warning = 10}, VIOLATION_DISK, {1000, 0, 500, 0, 30000}},
        {{.pids_clear = 95}, VIOLATION_PIDS, {9000, 0, 8500, 0, 30000}},
        {{.episode_seconds = 5}, VIOLATION_PIDS, {9000, 0, 8000, 0, 5000}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct violation_rule out[VIOLATION_KIND_COUNT], *r = &out[cases[i].kind];
        violation_rules(&cases[i].own, &contract, out);
        assert_memory_equal(r, &cases[i].rule, sizeof *r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_episode_however_many_samples),
        cmocka_unit_test(test_a_jump_to_critical_opens_the_warning_in_the_same_step),
        cmocka_unit_test(test_cpu_counts_only_when_sustained_both_ways),
        cmocka_unit_test(test_flapping_makes_one_episode_in_its_time),
        cmocka_unit_test(test_a_held_closing_comes_in_its_time),
        cmocka_unit_test(test_a_tiers_levels_and_its_nodes),
        cmocka_unit_test(test_shares_survive_huge_and_missing_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
