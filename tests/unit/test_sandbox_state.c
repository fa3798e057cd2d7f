#include "common/model/sandbox_state.h"
#include "tests/lib/unit.h"

static void test_terminal_is_terminal(void **state)
{
    for (int from = 0; from < SANDBOX_STATE_COUNT; from++) {
        for (int to = 0; to < SANDBOX_STATE_COUNT; to++) {
            if (sandbox_state_terminal((enum sandbox_state)from) || from == to)
                assert_false(sandbox_state_may_move((enum sandbox_state)from, (enum sandbox_state)to));
        }
    }
}

/* A sandbox that nothing can end would use its quota for ever. */
static void test_every_live_state_reaches_an_end_in_one_move_or_two(void **state)
{
    for (int s = 0; s < SANDBOX_STATE_COUNT; s++) {
        enum sandbox_state from = (enum sandbox_state)s;
        if (!sandbox_state_terminal(from) && from != SANDBOX_STOPPING)
            assert_true(sandbox_state_may_move(from, SANDBOX_STOPPING));
    }
    assert_true(sandbox_state_may_move(SANDBOX_STOPPING, SANDBOX_STOPPED));
}

static void test_what_never_ran_does_not_pause_and_what_ran_does_not_fail(void **state)
{
    assert_false(sandbox_state_may_move(SANDBOX_PENDING, SANDBOX_RUNNING));
    assert_false(sandbox_state_may_move(SANDBOX_STARTING, SANDBOX_PAUSED));
    assert_false(sandbox_state_may_move(SANDBOX_RUNNING, SANDBOX_FAILED));
    assert_false(sandbox_state_may_move(SANDBOX_PAUSED, SANDBOX_FAILED));
    assert_false(sandbox_state_may_move(SANDBOX_RUNNING, (enum sandbox_state)99));
}

static void test_names_go_both_ways(void **state)
{
    for (int s = 0; s < SANDBOX_STATE_COUNT; s++) {
        enum sandbox_state back;
        assert_true(sandbox_state_parse(sandbox_state_name((enum sandbox_state)s), &back));
        assert_int_equal(back, s);
    }
    for (int r = 0; r < SANDBOX_REASON_COUNT; r++) {
        enum sandbox_reason back;
        assert_true(sandbox_reason_parse(sandbox_reason_name((enum sandbox_reason)r), &back));
        assert_int_equal(back, r);
    }
    enum sandbox_state s;
    assert_false(sandbox_state_parse("Running", &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terminal_is_terminal),
        cmocka_unit_test(test_every_live_state_reaches_an_end_in_one_move_or_two),
        cmocka_unit_test(test_what_never_ran_does_not_pause_and_what_ran_does_not_fail),
        cmocka_unit_test(test_names_go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
