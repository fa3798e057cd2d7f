#include "tests/lib/unit.h"

#include "agent/core/guard.h"

static struct guard_rules rules(uint64_t idle_timeout_seconds)
{
    static const struct violation_levels none, host = {90, 95, 85, 90, 80, 60, 80, 75, 90, 80};
    struct guard_rules r = {.idle_timeout_seconds = idle_timeout_seconds};
    violation_rules(&none, &host, r.violation);
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
    assert_int_equal(step.news_count, 1);
    assert_true(step.news[0].opened && !step.news[0].critical);
    assert_int_equal(s.open_violations, 1);
    assert_int_equal(step.end, REASON_NONE);
    s = using(96);
    step = guard_tick(&g, &r, &s, false, 1001);
    assert_true(step.news[0].critical);
    assert_int_equal(step.end, REASON_MEMORY_CRITICAL);
    assert_non_null(strstr(step.detail, "96 of 100"));
    assert_int_equal(s.open_violations, 1 | 16);
    step = guard_close(&g, &s.id);
    assert_int_equal(step.news_count, 1);
    assert_false(step.news[0].opened);
}

static void test_page_cache_alone_is_no_violation(void **state)
{
    struct guard g = {0};
    struct guard_rules r = rules(0);
    struct sample s = using(1);
    s.memory_used_bytes = 100;
    s.memory_working_set_bytes = 97;
    assert_int_equal(guard_tick(&g, &r, &s, false, 1000).news_count, 0);
}

static void test_idle_is_aware_of_work(void **state)
{
    struct guard g = {0};
    struct guard_rules r = rules(10);
    struct sample s = using(1);
    assert_int_equal(guard_tick(&g, &r, &s, false, 1000).end, REASON_NONE);
    s.cpu_centi = GUARD_IDLE_CPU_CENTI;
    assert_int_equal(guard_tick(&g, &r, &s, false, 10000).end, REASON_NONE);
    s.cpu_centi = 0;
    s.tx_packets = 1;
    assert_int_equal(guard_tick(&g, &r, &s, false, 19000).end, REASON_NONE);
    assert_int_equal(guard_tick(&g, &r, &s, true, 28000).end, REASON_NONE);
    assert_int_equal(guard_tick(&g, &r, &s, false, 37999).end, REASON_NONE);
    assert_int_equal(guard_tick(&g, &r, &s, false, 38000).end, REASON_IDLE);
}

static void test_the_kernel_was_first(void **state)
{
    struct guard g = {0};
    struct guard_rules r = rules(0);
    struct sample s = using(99);
    s.oom_kills = 1;
    struct guard_step step = guard_tick(&g, &r, &s, false, 1000);
    assert_int_equal(step.end, REASON_OOM_KILLED);
    assert_non_null(strstr(step.detail, "100 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_warns_then_kills),
        cmocka_unit_test(test_page_cache_alone_is_no_violation),
        cmocka_unit_test(test_the_kernel_was_first),
        cmocka_unit_test(test_idle_is_aware_of_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
