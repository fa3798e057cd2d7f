#include "controller/core/webhook_retry.h"
#include "tests/lib/unit.h"

#define HOUR 3600000u

static struct webhook_verdict judge(unsigned status, unsigned tries, uint32_t random)
{
    struct webhook_answer answer = {.status = status};
    return webhook_retry_judge(&answer, tries, random);
}

static void test_each_status(void **state)
{
    static const struct {
        unsigned status;
        enum webhook_outcome outcome;
    } rows[] = {{200, WEBHOOK_DELIVERED}, {204, WEBHOOK_DELIVERED}, {299, WEBHOOK_DELIVERED},
                {0, WEBHOOK_RETRY},       {199, WEBHOOK_RETRY},     {301, WEBHOOK_RETRY},
                {307, WEBHOOK_RETRY},     {400, WEBHOOK_RETRY},     {404, WEBHOOK_RETRY},
                {410, WEBHOOK_GONE},      {429, WEBHOOK_RETRY},     {503, WEBHOOK_RETRY}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(judge(rows[i].status, 0, 7).outcome, rows[i].outcome);
}

static void test_waits_grow_for_a_day_and_then_it_is_dead(void **state)
{
    for (uint32_t random = 0; random < 3; random++) {
        uint64_t sum = 0, before = 0;
        for (unsigned tries = 0; tries < WEBHOOK_RETRIES; tries++) {
            struct webhook_verdict v = judge(500, tries, random * 2863311531u);
            assert_int_equal(v.outcome, WEBHOOK_RETRY);
            assert_true(v.wait_ms * 5 > before * 4); /* but for the jitter, never shorter */
            sum += before = v.wait_ms;
        }
        assert_in_range(sum, 21 * HOUR, 27 * HOUR);
        assert_int_equal(judge(500, WEBHOOK_RETRIES, random).outcome, WEBHOOK_DEAD);
    }
    assert_in_range(judge(0, 0, 0).wait_ms, 4500, 5500);
    assert_int_not_equal(judge(0, 0, 1).wait_ms, judge(0, 0, 100).wait_ms);
}

static void test_a_receiver_may_ask_for_a_longer_wait_within_a_bound(void **state)
{
    struct webhook_answer answer = {.status = 429, .asked = true, .asked_ms = 60000};
    assert_int_equal(webhook_retry_judge(&answer, 0, 0).wait_ms, 60000);
    answer.asked_ms = 1; /* not for a shorter one */
    assert_in_range(webhook_retry_judge(&answer, 0, 0).wait_ms, 4500, 5500);
    answer.asked_ms = UINT64_MAX;
    assert_int_equal(webhook_retry_judge(&answer, 0, 0).wait_ms, WEBHOOK_ASKED_MAX_MS);
    assert_in_range(webhook_retry_judge(&answer, WEBHOOK_RETRIES - 1, 0).wait_ms, 5 * HOUR, 8 * HOUR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_status),
        cmocka_unit_test(test_waits_grow_for_a_day_and_then_it_is_dead),
        cmocka_unit_test(test_a_receiver_may_ask_for_a_longer_wait_within_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
