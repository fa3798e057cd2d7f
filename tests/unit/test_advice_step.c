#include "controller/core/advice_step.h"
#include "tests/lib/unit.h"

#include <stdio.h>

static struct advice_finding finding(const char *subject, double weight, enum advice_severity severity,
                                     bool opens)
{
    struct advice_finding f = {.rule = ADVICE_RULE_node_skewed,
                               .subject_kind = "node",
                               .severity = severity,
                               .weight = weight,
                               .opens = opens};
    snprintf(f.subject, sizeof f.subject, "%s", subject);
    return f;
}

static struct advice_row row(enum advice_state state, bool hidden, uint64_t state_ms)
{
    return (struct advice_row){
        ADVICE_RULE_node_skewed, "node_skewed", "node", "a", state, hidden, 1, ADVICE_INFO, state_ms};
}

static const struct {
    const char *what;
    int state; /* -1: nothing is stored */
    bool hidden;
    uint64_t state_ms;
    double weight; /* 0: its cause is not found */
    enum advice_severity severity;
    bool opens;
    enum advice_act act;
} cases[] = {
    {"a clear cause begins", -1, false, 0, 1, ADVICE_INFO, true, ADVICE_BEGIN},
    {"one that only keeps does not", -1, false, 0, 1, ADVICE_INFO, false, ADVICE_NOTHING},
    {"nothing stays nothing", -1, false, 0, 0, ADVICE_INFO, false, ADVICE_NOTHING},
    {"an open one goes on", ADVICE_OPEN, false, 0, 9, ADVICE_CRITICAL, true, ADVICE_KEEP},
    {"also with less", ADVICE_OPEN, false, 0, 0.1, ADVICE_INFO, false, ADVICE_KEEP},
    {"an open one ends with its cause", ADVICE_OPEN, false, 0, 0, ADVICE_INFO, false, ADVICE_END},
    {"an applied one is given time", ADVICE_APPLIED, false, ADVICE_APPLIED_MS - 1, 9, ADVICE_INFO, true,
     ADVICE_KEEP},
    {"it opens again if nothing came of it", ADVICE_APPLIED, false, ADVICE_APPLIED_MS, 1, ADVICE_INFO, true,
     ADVICE_REOPEN},
    {"it ends with its cause", ADVICE_APPLIED, false, 0, 0, ADVICE_INFO, false, ADVICE_END},
    {"a dismissed one stays so", ADVICE_DISMISSED, false, 0, 1.4, ADVICE_INFO, true, ADVICE_KEEP},
    {"until it has grown", ADVICE_DISMISSED, false, 0, 1.5, ADVICE_INFO, true, ADVICE_REOPEN},
    {"or is graver", ADVICE_DISMISSED, false, 0, 1, ADVICE_WARNING, true, ADVICE_REOPEN},
    {"a dismissed one hides with its cause", ADVICE_DISMISSED, false, 0, 0, ADVICE_INFO, false, ADVICE_HIDE},
    {"once", ADVICE_DISMISSED, true, 0, 0, ADVICE_INFO, false, ADVICE_NOTHING},
    {"it is back, and dismissed", ADVICE_DISMISSED, true, 0, 1.4, ADVICE_INFO, true, ADVICE_KEEP},
    {"but not by little", ADVICE_DISMISSED, true, 0, 1.4, ADVICE_INFO, false, ADVICE_NOTHING},
    {"it is back, and has grown", ADVICE_DISMISSED, true, 0, 2, ADVICE_INFO, true, ADVICE_REOPEN},
};

static void test_steps(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct advice_finding f = finding("a", cases[i].weight, cases[i].severity, cases[i].opens);
        struct advice_row r = row(cases[i].state < 0 ? ADVICE_OPEN : (enum advice_state)cases[i].state,
                                  cases[i].hidden, cases[i].state_ms);
        enum advice_act act = advice_step(cases[i].state < 0 ? NULL : &r, cases[i].weight > 0 ? &f : NULL);
        if (act != cases[i].act)
            fail_msg("%s: %s, not %s", cases[i].what, advice_act_name(cases[i].act), advice_act_name(act));
    }
}

static void test_all(void **state)
{
    struct advice_finding found[30];
    struct advice_change changes[40];
    struct advice_findings all = {.item = found, .count = 30};
    struct advice_row rows[] = {row(ADVICE_OPEN, false, 0), row(ADVICE_OPEN, false, 0)};
    rows[1].subject = "gone";
    for (int i = 0; i < 30; i++) {
        char name[16];
        snprintf(name, sizeof name, "%c", 'a' + i);
        found[i] = finding(name, 1, ADVICE_INFO, true);
    }
    /* "a" is kept, "gone" ends; of the others at most ADVICE_OPENS_MAX begin. */
    assert_int_equal(advice_step_all(rows, 2, &all, 100, changes), 2 + ADVICE_OPENS_MAX);
    assert_true(changes[0].act == ADVICE_KEEP && changes[0].row == &rows[0] &&
                changes[0].finding == &found[0]);
    assert_true(changes[1].act == ADVICE_END && changes[1].row == &rows[1] && !changes[1].finding);
    assert_true(changes[2].act == ADVICE_BEGIN && !changes[2].row && changes[2].finding == &found[1]);
    assert_int_equal(advice_step_all(rows, 2, &all, 3, changes), 2 + 3);
    /* What a rule that could not judge has found stays. */
    all.count = 0;
    all.unknown[ADVICE_RULE_node_skewed] = true;
    assert_int_equal(advice_step_all(rows, 2, &all, 100, changes), 0);
    /* What a rule has found that is gone ends. */
    rows[0].rule = ADVICE_RULES;
    assert_int_equal(advice_step_all(rows, 1, &all, 100, changes), 1);
    assert_int_equal(changes[0].act, ADVICE_END);
}

static void test_names(void **state)
{
    for (int i = 0; i < ADVICE_STATES; i++)
        assert_int_equal(advice_state_of(advice_state_name((enum advice_state)i)), i);
    for (int i = 0; i < ADVICE_RULES; i++)
        assert_int_equal(advice_rule_of(advice_rule_name((enum advice_rule_id)i)), i);
    assert_int_equal(advice_state_of("none"), ADVICE_STATES);
    assert_int_equal(advice_rule_of("none"), ADVICE_RULES);
    assert_int_equal(advice_severity_of("none"), ADVICE_SEVERITIES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps), cmocka_unit_test(test_all),
                                       cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
