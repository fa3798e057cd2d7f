#include "controller/core/alert_step.h"
#include "controller/core/burst.h"
#include "tests/lib/unit.h"

#include <math.h>
#include <string.h>

static const struct alert_rule rule = {
    .threshold = 10, .clear = 8, .hold_ms = 3000, .clear_ms = 2000, .interval_ms = 1000};

/* Each letter is a reading a second later: B breach, - between, C clear, ? unknown, R a restart (no time has
 * been watched), S and s begin and end a silence before it. The answer is a letter a reading: . none, p
 * pending, F firing, R resolved; t behind: it is told. */
static void check(const struct alert_rule *r, const char *readings, const char *expected)
{
    struct alert_episode now = {0};
    char got[128] = "";
    bool restarted = false;
    for (const char *c = readings; *c; c++) {
        if (strchr("SsR", *c)) {
            now.silenced = *c == 'S' || (now.silenced && *c == 'R');
            restarted |= *c == 'R';
            continue;
        }
        enum alert_reading reading = *c == 'B'   ? ALERT_BREACH
                                     : *c == '-' ? ALERT_BETWEEN
                                     : *c == 'C' ? ALERT_CLEAR
                                                 : ALERT_UNKNOWN;
        struct alert_step step = alert_step(r, &now, reading, restarted ? 0 : 1000);
        restarted = false;
        strncat(got, &".pFR"[step.next.state], 1);
        if (step.tells)
            strcat(got, "t");
        bool silenced = now.silenced;
        now = step.next;
        if (now.state == ALERT_RESOLVED)
            now = (struct alert_episode){.silenced = silenced};
    }
    assert_string_equal(got, expected);
}

static void test_hold_and_clear(void **state)
{
    check(&rule, "CBBBBB", ".pppFtF");
    check(&rule, "BBBBCCC", "pppFtFFRt");
    check(&rule, "BBBCBBBB", "ppp.pppFt");      /* a pending one that clears is over, and never told */
    check(&rule, "BBBBCCBCCC", "pppFtFFFFFRt"); /* one that comes back stays one */
}

static void test_between_neither_goes_on_nor_ends(void **state)
{
    check(&rule, "BB--BB", "pppppFt");
    check(&rule, "BBBB----CC-CCC", "pppFtFFFFFFFFFRt");
    check(&rule, "-----", ".....");
    for (int i = 0; i < 20; i++) /* swings around the threshold: one episode */
        check(&rule, "BBBB-B-B-B-B-B-B", "pppFtFFFFFFFFFFFF");
}

static void test_unknown_changes_nothing(void **state)
{
    check(&rule, "???", "...");
    check(&rule, "BB???BB", "ppppppFt");
    check(&rule, "BBBB????????CCC", "pppFtFFFFFFFFFFRt");
    check(&rule, "BBBBC????CC", "pppFtFFFFFFRt");
}

static void test_time_is_what_was_watched(void **state)
{
    check(&rule, "BBRBRBRBRBBB", "pppppppFt");
    check(&rule, "BBBBCRCRCRCCC", "pppFtFFFFFRt");
    struct alert_episode now = {.state = ALERT_PENDING};
    struct alert_step step = alert_step(&rule, &now, ALERT_BREACH, 3600000); /* an hour that nobody watched */
    assert_int_equal(step.next.state, ALERT_PENDING);
    assert_int_equal(step.next.held_ms, 2000);
}

static void test_silences(void **state)
{
    check(&rule, "SBBBBBsBB", "pppFFFtF");
    check(&rule, "SBBBBs?", "pppFFt");       /* also where its value is not known */
    check(&rule, "SBBBBCCC", "pppFFFR");     /* what was not told has no end to tell */
    check(&rule, "BBBBSBCCC", "pppFtFFFRt"); /* what was told, has */
}

static void test_no_hold(void **state)
{
    static const struct alert_rule at_once = {.threshold = 1, .clear = 1, .interval_ms = 1000};
    check(&at_once, "CBBCCB", ".FtFRt.Ft");
}

static void test_readings(void **state)
{
    struct alert_rule below = {.below = true, .threshold = 7, .clear = 9};
    static const struct {
        double value;
        enum alert_reading above, below;
    } rows[] = {{-1, ALERT_CLEAR, ALERT_BREACH}, {6.99, ALERT_CLEAR, ALERT_BREACH},
                {7, ALERT_CLEAR, ALERT_BETWEEN}, {8, ALERT_BETWEEN, ALERT_BETWEEN},
                {9, ALERT_BETWEEN, ALERT_CLEAR}, {9.99, ALERT_BETWEEN, ALERT_CLEAR},
                {10, ALERT_BREACH, ALERT_CLEAR}, {1e300, ALERT_BREACH, ALERT_CLEAR}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(alert_read(&rule, rows[i].value), rows[i].above);
        assert_int_equal(alert_read(&below, rows[i].value), rows[i].below);
    }
    below.clear = 7;
    assert_int_equal(alert_read(&below, 7), ALERT_CLEAR);
    assert_int_equal(alert_read(&rule, NAN), ALERT_UNKNOWN);
    assert_int_equal(alert_read(&below, NAN), ALERT_UNKNOWN);
    assert_int_equal(alert_read(&rule, INFINITY), ALERT_BREACH);
}

static void test_room(void **state)
{
    struct alert_row rows[6] = {
        {.reading = ALERT_BREACH}, {.now = {.state = ALERT_FIRING, .told = true}, .reading = ALERT_BREACH},
        {.reading = ALERT_CLEAR},  {.reading = ALERT_BREACH},
        {.reading = ALERT_BREACH}, {.reading = ALERT_UNKNOWN}};
    static const enum alert_state expected[] = {ALERT_PENDING, ALERT_FIRING, ALERT_NONE,
                                                ALERT_PENDING, ALERT_NONE,   ALERT_NONE};
    assert_int_equal(alert_step_all(&rule, rows, 6, 2, 1000), 1);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(rows[i].step.next.state, expected[i]);
    assert_int_equal(alert_step_all(&rule, rows, 6, 0, 1000), 3);
    assert_int_equal(alert_step_all(&rule, rows, 6, 100, 1000), 0);
}

static void test_names(void **state)
{
    for (int i = 0; i < ALERT_STATES; i++)
        assert_int_equal(alert_state_of(alert_state_name((enum alert_state)i)), i);
    assert_int_equal(alert_state_of("x"), ALERT_NONE);
}

static struct burst burst;

static void test_burst(void **state)
{
    uint64_t watched, base = 1000000;
    assert_int_equal(burst_within(&burst, base, 7, 60000, &watched), 0);
    assert_int_equal(watched, 0);
    for (uint64_t i = 0; i <= 2 * BURST_READINGS; i++) { /* one a second, ten times read a second */
        for (uint64_t tenth = 0; tenth < 10; tenth++)
            burst_note(&burst, base + i * 1000 + tenth * 100, i);
        if (i == 20) {
            assert_int_equal(burst_within(&burst, base + 20000, 20, 60000, &watched), 20);
            assert_int_equal(watched, 20000);
        }
    }
    uint64_t now = base + 2 * BURST_READINGS * 1000, total = 2 * BURST_READINGS;
    assert_in_range(burst_within(&burst, now, total, 60000, &watched), 60, 61);
    assert_int_equal(watched, 60000);
    assert_in_range(burst_within(&burst, now, total, 3600000, &watched), 3600, 3601);
    assert_int_equal(watched, 3600000);
    assert_in_range(burst_within(&burst, now, total + 500, 1000, &watched), 501, 502);
    assert_int_equal(burst_within(&burst, now + 7200000, total, 60000, &watched), 0); /* long not read */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hold_and_clear),
        cmocka_unit_test(test_between_neither_goes_on_nor_ends),
        cmocka_unit_test(test_unknown_changes_nothing),
        cmocka_unit_test(test_time_is_what_was_watched),
        cmocka_unit_test(test_silences),
        cmocka_unit_test(test_no_hold),
        cmocka_unit_test(test_readings),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_burst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
