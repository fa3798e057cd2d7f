#include "tests/lib/unit.h"

#include "agent/core/guard.h"
#include "common/base/defs.h"

static struct guard_rules rules(uint64_t idle_timeout_seconds)
{
    static const struct violation_levels none, of_node = {90, 95, 85, 90, 80, 60, 80, 75, 90, 80, 30};
    struct guard_rules r = {.idle_timeout_seconds = idle_timeout_seconds};
    violation_rules(&none, &of_node, r.violation);
    return r;
}

static struct sample using(uint64_t memory_percent)
{
    return (struct sample){.memory_unreclaimable_bytes = memory_percent,
                           .memory_limit_bytes = 100,
                           .cpu_limit_millis = 500,
                           .disk_limit_bytes = 100,
                           .pids_limit = 100};
}

static void test_memory_warns_then_kills(void **state)
{
    struct guard g = {0};
    struct guard_rules r = rules(0);
    struct sample s = using(91);
    struct guard_step step = guard_tick(&g, &r, &s, false, 1000);
    assert_int_equal(step.report_count, 1);
    assert_true(step.report[0].opened && !step.report[0].critical);
    assert_int_equal(s.open_violations, 1);
    assert_int_equal(step.end.reason, REASON_NONE);
    s = using(96);
    step = guard_tick(&g, &r, &s, false, 1001);
    assert_true(step.report[0].critical);
    assert_int_equal(step.end.reason, REASON_MEMORY_CRITICAL);
    assert_non_null(strstr(step.end.detail, "96 of 100"));
    assert_int_equal(s.open_violations, 1 | 16);
    step = guard_close(&g, &s.id);
    assert_int_equal(step.report_count, 1);
    assert_false(step.report[0].opened);
    assert_true(step.report[0].critical); /* the highest level that it reached */
    assert_int_equal(step.report[0].percent_centi, 9600);
    assert_int_equal(step.report[0].limit, 100);
}

/* Also where the episode ends before the sandbox does: the next episode starts from zero. */
static void test_a_closing_says_how_high_it_rose(void **state)
{
    struct guard g = {0};
    struct guard_rules r = rules(0);
    static const uint64_t percents[] = {96, 10, 91, 10};
    static const bool critical[] = {true, true, false, false};
    for (int i = 0; i < 4; i++) {
        struct sample s = using(percents[i]);
        struct guard_step step = guard_tick(&g, &r, &s, false, 1000 + (uint64_t)i * 60000);
        const struct violation_report *last = &step.report[step.report_count - 1];
        assert_int_equal(step.report_count, i == 0 ? 2 : 1);
        assert_int_equal(last->opened, i % 2 == 0);
        assert_int_equal(last->critical, critical[i]);
    }
}

/* A disk is full when its bytes or its inodes are: the higher percentage counts. */
static void test_a_disk_ends_with_its_inodes_too(void **state)
{
    static const struct {
        uint64_t bytes, inodes;
        uint64_t percent_centi, limit; /* when the episode opens; 0: it does not */
    } cases[] = {{79, 799, 0, 0},
                 {10, 800, 8000, 1000},
                 {85, 10, 8500, 100},
                 {85, 900, 9000, 1000},
                 {90, 900, 9000, 100}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct guard g = {0};
        struct guard_rules r = rules(0);
        struct sample s = using(1);
        s.disk_used_bytes = cases[i].bytes;
        s.disk_inodes_used = cases[i].inodes;
        s.disk_inodes_limit = 1000;
        struct guard_step step = guard_tick(&g, &r, &s, false, 1000);
        assert_int_equal(step.report_count, cases[i].limit != 0);
        assert_int_equal(step.report[0].percent_centi, cases[i].percent_centi);
        assert_int_equal(step.report[0].limit, cases[i].limit);
    }
}

static void test_page_cache_alone_is_no_violation(void **state)
{
    struct guard g = {0};
    struct guard_rules r = rules(0);
    struct sample s = using(1);
    s.memory_used_bytes = 100;
    s.memory_working_set_bytes = 97;
    assert_int_equal(guard_tick(&g, &r, &s, false, 1000).report_count, 0);
}

static void test_idle_is_aware_of_work(void **state)
{
    struct guard g = {0};
    struct guard_rules r = rules(10);
    struct sample s = using(1);
    assert_int_equal(guard_tick(&g, &r, &s, false, 1000).end.reason, REASON_NONE);
    s.cpu_centi = GUARD_IDLE_CPU_CENTI;
    assert_int_equal(guard_tick(&g, &r, &s, false, 10000).end.reason, REASON_NONE);
    s.cpu_centi = 0;
    guard_streamed(&g);
    assert_int_equal(guard_tick(&g, &r, &s, false, 19000).end.reason, REASON_NONE);
    s.tx_packets = s.rx_packets = 100; /* the noise of a network is no work */
    assert_int_equal(guard_tick(&g, &r, &s, true, 28000).end.reason, REASON_NONE);
    assert_int_equal(guard_tick(&g, &r, &s, false, 37999).end.reason, REASON_NONE);
    assert_int_equal(guard_tick(&g, &r, &s, false, 38000).end.reason, REASON_IDLE);
}

/* Each kind by itself; the closing at the end of a sandbox reports its swings too. */
static void test_swings_are_told_by_the_closing(void **state)
{
    struct guard g = {0};
    struct guard_rules r = rules(0);
    unsigned report = 0;
    for (uint64_t now = 1000; now <= 9000; now += 1000) {
        struct sample s = using(1);
        s.pids = now / 1000 % 2 ? 95 : 1;
        report += guard_tick(&g, &r, &s, false, now).report_count;
        if (now > 2000)
            assert_int_equal(s.open_violations, 1u << VIOLATION_PIDS);
    }
    assert_int_equal(report, 3);
    struct sample s = using(1);
    struct guard_step step = guard_close(&g, &s.id);
    assert_int_equal(step.report_count, 1);
    assert_int_equal(step.report[0].swings, 3);
}

/* How much CPU counts as work, under this CPU limit. */
static void test_little_cpu_is_no_work(void **state)
{
    static const struct {
        uint64_t limit_millis;
        uint64_t us_per_second;
        bool works;
    } cases[] = {
        {500, 1000, false}, /* wakes up each second for 1 ms */
        {500, 5000, true},  {2000, 19000, false}, {2000, 20000, true}, {10, 40, false}, /* only its init */
        {10, 499, false},   {10, 500, true},      {50, 1000, true},    {0, 9000, false},
        {0, 10000, true}, /* no limit: a share of one CPU */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct guard g = {0};
        struct guard_rules r = rules(10);
        struct sample s = using(1);
        uint64_t limit = cases[i].limit_millis;
        s.cpu_limit_millis = limit;
        s.cpu_centi = (uint32_t)(cases[i].us_per_second * 10 / (limit ? limit : 1000));
        assert_int_equal(guard_tick(&g, &r, &s, false, 1000).end.reason, REASON_NONE);
        assert_int_equal(guard_tick(&g, &r, &s, false, 11000).end.reason,
                         cases[i].works ? REASON_NONE : REASON_IDLE);
    }
}

static void test_idle_pauses_where_that_is_configured(void **state)
{
    struct guard g = {0};
    struct guard_rules r = rules(10);
    struct sample s = using(1);
    r.idle_pauses = true;
    assert_false(guard_tick(&g, &r, &s, false, 1000).pause);
    struct guard_step step = guard_tick(&g, &r, &s, false, 11000);
    assert_true(step.pause && !step.end.reason);
    assert_non_null(strstr(step.end.detail, "it did no work for 10 s"));
    assert_false(guard_tick(&g, &r, &s, true, 12000).pause); /* paused for a long time */
    assert_false(guard_tick(&g, &r, &s, true, 90000).pause);
    assert_false(guard_tick(&g, &r, &s, false, 99999).pause); /* resumed: the idle time starts from zero */
    assert_true(guard_tick(&g, &r, &s, false, 100000).pause);
}

static void test_no_violation_of_a_pause(void **state)
{
    struct guard g = {0};
    struct guard_rules r = rules(0);
    struct sample busy = using(1), still = using(1);
    busy.cpu_centi = 10000;
    assert_int_equal(guard_tick(&g, &r, &busy, false, 0).report_count, 0);
    assert_int_equal(guard_tick(&g, &r, &busy, false, 50000).report_count, 0);
    assert_int_equal(guard_tick(&g, &r, &still, true, 51000).report_count, 0);
    assert_int_equal(guard_tick(&g, &r, &busy, false, 300000).report_count, 0);
    assert_int_equal(guard_tick(&g, &r, &busy, false, 360000).report_count, 1);
}

static void test_the_kernel_was_first(void **state)
{
    struct guard g = {0};
    struct guard_rules r = rules(0);
    struct sample s = using(99);
    s.oom_kills = 1;
    struct guard_step step = guard_tick(&g, &r, &s, false, 1000);
    assert_int_equal(step.end.reason, REASON_OOM_KILLED);
    assert_non_null(strstr(step.end.detail, "100 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_warns_then_kills),
        cmocka_unit_test(test_a_closing_says_how_high_it_rose),
        cmocka_unit_test(test_a_disk_ends_with_its_inodes_too),
        cmocka_unit_test(test_page_cache_alone_is_no_violation),
        cmocka_unit_test(test_the_kernel_was_first),
        cmocka_unit_test(test_idle_is_aware_of_work),
        cmocka_unit_test(test_swings_are_told_by_the_closing),
        cmocka_unit_test(test_little_cpu_is_no_work),
        cmocka_unit_test(test_idle_pauses_where_that_is_configured),
        cmocka_unit_test(test_no_violation_of_a_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
