#include "controller/core/node_trust.h"

#include "tests/lib/unit.h"

static const struct node_marks one = {"f1", "boot-1", "state-1"}, rebooted = {"f1", "boot-2", "state-1"},
                               thief = {"f1", "boot-9", "state-9"}, other_thief = {"f1", "boot-8", "state-8"};

static struct node_trust *trust;

static int begin(void **state)
{
    trust = node_trust_new();
    node_trust_know(trust, "n", &one);
    return 0;
}

static int end(void **state)
{
    node_trust_free(trust);
    return 0;
}

static void test_the_same_node_is_believed(void **state)
{
    assert_true(node_trust_believes(trust, 1000, "n", &one, 100, 0));
    assert_true(node_trust_believes(trust, 1000, "n", &rebooted, 100,
                                    100)); /* the records account for all its sandboxes */
    assert_true(node_trust_believes(trust, 1000, "n", &rebooted, 100, 50));
    assert_true(node_trust_believes(trust, 1000, "n", &thief, 0, 0)); /* there is nothing to lose */
}

static void test_another_node_that_brings_nothing_is_believed_at_its_second_try(void **state)
{
    assert_false(node_trust_believes(trust, 1000, "n", &thief, 3, 0));
    assert_false(node_trust_believes(trust, 1000 + NODE_TRUST_LOOK_MS - 1, "n", &thief, 3, 1));
    assert_true(node_trust_believes(trust, 1000 + NODE_TRUST_LOOK_MS, "n", &thief, 3, 0));
}

static void test_the_second_try_must_be_of_the_same_node(void **state)
{
    assert_false(node_trust_believes(trust, 1000, "n", &thief, 3, 0));
    assert_false(node_trust_believes(trust, 1000 + NODE_TRUST_LOOK_MS, "n", &other_thief, 3, 0));
    assert_true(node_trust_believes(trust, 1000 + NODE_TRUST_LOOK_MS, "n", &one, 3, 3));
    node_trust_know(trust, "n", &one); /* the real node was here meanwhile */
    assert_false(node_trust_believes(trust, 1000 + 2 * NODE_TRUST_LOOK_MS, "n", &other_thief, 3, 0));
}

static void test_a_node_that_is_new_is_believed(void **state)
{
    assert_true(node_trust_believes(trust, 1000, "new", &thief, 3, 0));
    node_trust_forget(trust, "n");
    assert_true(node_trust_believes(trust, 1000, "n", &thief, 3, 0));
}

static void test_what_was_issued_until_a_revocation_is_refused(void **state)
{
    struct string_list seen = {0};
    string_list_add(&seen, "f2");
    assert_true(node_trust_allows(trust, "n", "f1", 100));
    node_trust_revoke(trust, "n", 100, &seen);
    assert_false(node_trust_allows(trust, "n", "f1", 100));
    assert_false(node_trust_allows(trust, "n", "f1", 99));
    assert_true(node_trust_allows(trust, "n", "f1", 101));
    assert_false(node_trust_allows(trust, "n", "f2", 101)); /* whatever time it claims */
    assert_true(node_trust_allows(trust, "m", "f2", 1));
    node_trust_forget(trust, "n");
    assert_false(
        node_trust_allows(trust, "n", "f1", 100)); /* a removal of the node does not clear its name */
    string_list_fini(&seen);
}

static void test_alarms_are_few(void **state)
{
    assert_true(node_trust_alarm(trust, 1000, "n", NODE_ALARM_CONTESTED));
    assert_false(node_trust_alarm(trust, 1001, "n", NODE_ALARM_CONTESTED));
    assert_true(node_trust_alarm(trust, 1001, "n", NODE_ALARM_DOUBTED));
    assert_true(node_trust_alarm(trust, 1001, "m", NODE_ALARM_CONTESTED));
    assert_true(node_trust_alarm(trust, 1000 + NODE_TRUST_QUIET_MS, "n", NODE_ALARM_CONTESTED));
    assert_true(node_trust_alarm(trust, 1000, "n", NODE_ALARM_EXPIRES));
    assert_false(node_trust_alarm(trust, 1000 + NODE_TRUST_QUIET_MS, "n", NODE_ALARM_EXPIRES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_same_node_is_believed, begin, end),
        cmocka_unit_test_setup_teardown(test_another_node_that_brings_nothing_is_believed_at_its_second_try,
                                        begin, end),
        cmocka_unit_test_setup_teardown(test_the_second_try_must_be_of_the_same_node, begin, end),
        cmocka_unit_test_setup_teardown(test_a_node_that_is_new_is_believed, begin, end),
        cmocka_unit_test_setup_teardown(test_what_was_issued_until_a_revocation_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(test_alarms_are_few, begin, end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
