/* PostgreSQL's clock is set under live sandboxes: their remaining time goes on, and the rows follow. */
#include "controller/core/deadline.h"

#include "tests/lib/unit.h"

#include <string.h>

#define HOUR_MS 3600000
#define THEN    1700000000000 /* PostgreSQL's clock at time 0 of the test */
#define STEP_MS 600000

static struct cluster_state *cluster;
static struct cluster_state_effects effects;
static int64_t step; /* of PostgreSQL's clock */

/* A row as the database would answer it now: the remaining time is by PostgreSQL's clock. */
static struct sandbox_row row_at(uint64_t now, uint64_t generation, int64_t expires_ms)
{
    uint8_t random[10] = {1};
    int64_t remains = expires_ms - (THEN + step + (int64_t)now);
    return (struct sandbox_row){.desired.id = sandbox_id_make(1, random),
                                .user = "usr_1",
                                .node = "h1",
                                .desired.generation = generation,
                                .desired.state = generation > 1 ? DESIRED_PAUSED : DESIRED_RUNNING,
                                .state = SANDBOX_RUNNING,
                                .desired.remaining_ms = remains > 0 ? (uint64_t)remains : 0,
                                .expires_ms = expires_ms,
                                .desired.spec = (const uint8_t *)"s",
                                .desired.spec_len = 1};
}

static void begin(bool unwatched)
{
    struct node_facts facts = {.name = "h1"};
    struct sandbox_row row = row_at(0, 1, THEN + HOUR_MS);
    struct sandbox_status runs = {
        .id = row.desired.id, .generation = 1, .number = 3, .state = SANDBOX_RUNNING};
    row.unwatched = unwatched;
    cluster_state_load(cluster, 0, &row);
    cluster_state_session(cluster, 0, &facts, &runs, 1, &effects);
    cluster_state_effects_clear(&effects);
}

static int set_up(void **state)
{
    cluster = cluster_state_new(10000);
    step = 0;
    return 0;
}

static int tear_down(void **state)
{
    cluster_state_free(cluster);
    cluster_state_effects_fini(&effects);
    return 0;
}

static uint64_t desired_for(void)
{
    for (size_t i = 0; i < effects.count; i++) {
        if (effects.item[i].kind == CLUSTER_DESIRED)
            return effects.item[i].desired.remaining_ms;
    }
    return UINT64_MAX;
}

struct told {
    size_t count;
    int64_t from_ms, to_ms;
};

static void on_expiry(void *arg, const struct sandbox_id *id, int64_t from_ms, int64_t to_ms)
{
    struct told *told = arg;
    if (from_ms == to_ms)
        return;
    *told = (struct told){told->count + 1, from_ms, to_ms};
}

static struct told told_now(void)
{
    struct told told = {0};
    cluster_state_expiries(cluster, on_expiry, &told);
    return told;
}

/* In either order: the answer to the pause, and the notice of the step. */
static void test_a_pause_after_a_step(void **state)
{
    for (int known = 0; known < 2; known++) {
        step = STEP_MS * 10;
        if (known)
            cluster_state_clock_stepped(cluster, 1000, step, THEN + step);
        struct sandbox_row paused = row_at(1000, 2 + (uint64_t)known, THEN + HOUR_MS);
        assert_int_equal(paused.desired.remaining_ms, 0);
        cluster_state_desired(cluster, 1000, &paused, &effects);
        assert_int_equal(desired_for(), HOUR_MS - 1000);
        cluster_state_effects_clear(&effects);
    }
}

static void test_the_rows_follow_until_it_is_committed(void **state)
{
    step = -STEP_MS;
    cluster_state_clock_stepped(cluster, 1000, step, THEN + step);
    struct told told = told_now();
    assert_int_equal(told.count, 1);
    assert_true(told.from_ms == THEN + HOUR_MS && told.to_ms == THEN + HOUR_MS - STEP_MS);
    step = STEP_MS; /* a second step before the first is answered */
    cluster_state_clock_stepped(cluster, 1500, 2 * STEP_MS, THEN + step);
    cluster_state_expiries_told(cluster);
    told = told_now();
    assert_true(told.from_ms == THEN + HOUR_MS - STEP_MS && told.to_ms == THEN + HOUR_MS + STEP_MS);
    cluster_state_expiries_told(cluster);
    assert_int_equal(told_now().count, 0);
}

/* An extension under the new clock, before the step is noticed, is what its user was told; it is not moved
 * again. */
static void test_an_extension_between_the_step_and_its_notice(void **state)
{
    step = STEP_MS;
    struct sandbox_row longer = row_at(1000, 2, THEN + step + 1000 + 2 * HOUR_MS);
    cluster_state_desired(cluster, 1000, &longer, &effects);
    assert_int_equal(desired_for(), 2 * HOUR_MS);
    cluster_state_clock_stepped(cluster, 2000, step, THEN + step);
    assert_int_equal(told_now().count, 0);
}

/* An extension whose answer came late: it was given after a step, or before a step that is smaller than the
 * delay. */
static void test_an_extension_before_the_notice_that_was_answered_late(void **state)
{
    step = 10 * STEP_MS;
    struct sandbox_row longer = row_at(1000, 2, THEN + step + 1000 + 2 * HOUR_MS);
    longer.waited_ms = 30000;
    longer.time = ROW_TIME_GIVEN;
    cluster_state_desired(cluster, 31000, &longer, &effects);
    assert_int_equal(desired_for(), 2 * HOUR_MS);
    cluster_state_clock_stepped(cluster, 31500, step, THEN + step);
    assert_int_equal(told_now().count, 0);
    cluster_state_clock_stepped(cluster, 32500, -20000, THEN + step - 20000);
    struct told told = told_now();
    assert_int_equal(told.count, 1);
    assert_true(told.to_ms == longer.expires_ms - 20000);
    cluster_state_clock_stepped(
        cluster, 33500, 30000,
        THEN + step +
            10000); /* this step ends nearer to the row, but no clock ever showed that when it was written */
    told = told_now();
    assert_true(told.from_ms == longer.expires_ms && told.to_ms == longer.expires_ms + 10000);
}

/* The step falls between an extension and its answer: by which clock it was given is unknown, so it is read
 * again. */
static void test_an_extension_around_the_step_is_read_again(void **state)
{
    step = STEP_MS;
    struct sandbox_row longer = row_at(900, 2, THEN + 900 + 2 * HOUR_MS);
    longer.waited_ms = 300;
    cluster_state_clock_stepped(cluster, 1000, step, THEN + step);
    cluster_state_desired(cluster, 1200, &longer, &effects);
    cluster_state_expiries_told(cluster);
    uint64_t stamp = cluster_state_stamp(cluster);
    assert_true(cluster_state_differs(cluster, stamp, &longer.desired.id, 2, SANDBOX_RUNNING));
    struct sandbox_row read = row_at(1300, 2, THEN + step + 900 + 2 * HOUR_MS);
    cluster_state_read(cluster, 1300, stamp, &read, &effects);
    assert_false(
        cluster_state_differs(cluster, cluster_state_stamp(cluster), &longer.desired.id, 2, SANDBOX_RUNNING));
}

/* …and there was an earlier step that nobody noticed: the row is wrong by that step, and must follow the
 * count. */
static void test_an_extension_between_two_steps(void **state)
{
    step = STEP_MS;
    struct sandbox_row longer = row_at(900, 2, THEN + step + 900 + 2 * HOUR_MS);
    longer.waited_ms = 300;
    longer.time = ROW_TIME_GIVEN;
    step = 3 * STEP_MS;
    cluster_state_clock_stepped(cluster, 1000, step, THEN + step);
    cluster_state_desired(cluster, 1200, &longer, &effects);
    assert_int_equal(desired_for(), 2 * HOUR_MS);
    told_now();
    cluster_state_expiries_told(cluster);
    int64_t moved = longer.expires_ms + step;
    struct sandbox_row read = row_at(1300, 2, moved);
    cluster_state_read(cluster, 1300, cluster_state_stamp(cluster), &read, &effects);
    assert_true(cluster_state_owes_expiries(cluster));
    struct told told = told_now();
    assert_true(told.from_ms == moved && told.to_ms == THEN + step + 1200 + 2 * HOUR_MS);
    cluster_state_expiries_told(cluster);
    assert_false(cluster_state_owes_expiries(cluster));
}

/* …and the answer arrives after the rows have followed. The cluster state could not name this row, so it was
 * moved by the step that was noticed, the last less the first. A controller that died later left the same to
 * the next one. */
static void test_an_extension_between_two_steps_that_the_rows_followed(void **state)
{
    step = STEP_MS;
    struct sandbox_row longer = row_at(900, 2, THEN + step + 900 + 2 * HOUR_MS);
    longer.waited_ms = 300;
    longer.time = ROW_TIME_GIVEN;
    step = 3 * STEP_MS;
    cluster_state_clock_stepped(cluster, 1000, step, THEN + step);
    told_now();
    cluster_state_expiries_told(cluster);
    cluster_state_desired(cluster, 1200, &longer, &effects);
    assert_int_equal(desired_for(), 2 * HOUR_MS);
    assert_true(cluster_state_owes_expiries(cluster));
    assert_int_equal(told_now().count, 0);
    cluster_state_expiries_told(cluster);
    uint64_t stamp = cluster_state_stamp(cluster);
    assert_true(cluster_state_differs(cluster, stamp, &longer.desired.id, 2, SANDBOX_RUNNING));
    struct sandbox_row read = row_at(1300, 2, longer.expires_ms + step);
    cluster_state_read(cluster, 1300, stamp, &read, &effects);
    struct told told = told_now();
    assert_true(told.from_ms == read.expires_ms && told.to_ms == THEN + step + 1200 + 2 * HOUR_MS);
}

/* …and the clock was set once more before the row was read, which nobody saw yet: what remains by that clock
 * is wrong, and the count goes on. */
static void test_an_extension_that_is_read_after_another_step(void **state)
{
    step = STEP_MS;
    struct sandbox_row longer = row_at(900, 2, THEN + step + 900 + 2 * HOUR_MS);
    longer.waited_ms = 300;
    longer.time = ROW_TIME_GIVEN;
    cluster_state_clock_stepped(cluster, 1000, step, THEN + step);
    cluster_state_desired(cluster, 1200, &longer, &effects);
    assert_int_equal(desired_for(), 2 * HOUR_MS);
    told_now();
    cluster_state_expiries_told(cluster);
    cluster_state_effects_clear(&effects);
    step = 20 * STEP_MS;
    struct sandbox_row read = row_at(1300, 2, longer.expires_ms);
    assert_int_equal(read.desired.remaining_ms, 0);
    cluster_state_read(cluster, 1300, cluster_state_stamp(cluster), &read, &effects);
    cluster_state_clock_stepped(cluster, 1500, 19 * STEP_MS, THEN + step);
    struct told told = told_now();
    assert_true(told.from_ms == longer.expires_ms);
    assert_in_range(told.to_ms, longer.expires_ms + 19 * STEP_MS - 300,
                    longer.expires_ms + 19 * STEP_MS + 300);
}

/* A row that is found wrong after the database was asked to move the rows is still to be corrected after that
 * answer. */
static void test_a_row_found_wrong_while_the_rows_follow(void **state)
{
    step = STEP_MS;
    struct sandbox_row longer = row_at(900, 2, THEN + step + 900 + 2 * HOUR_MS);
    longer.waited_ms = 300;
    longer.time = ROW_TIME_GIVEN;
    step = 3 * STEP_MS;
    cluster_state_clock_stepped(cluster, 1000, step, THEN + step);
    told_now();
    cluster_state_desired(cluster, 1200, &longer, &effects);
    struct sandbox_row read = row_at(1300, 2, longer.expires_ms + step);
    cluster_state_read(cluster, 1300, cluster_state_stamp(cluster), &read, &effects);
    cluster_state_expiries_told(cluster);
    assert_true(cluster_state_owes_expiries(cluster));
    assert_int_equal(told_now().count, 1);
    cluster_state_expiries_told(cluster);
    assert_false(cluster_state_owes_expiries(cluster));
}

/* A pause that was answered under the clock before the step, and arrives after the rows have followed. */
static void test_a_pause_from_before_the_rows_followed(void **state)
{
    step = STEP_MS;
    struct sandbox_row paused = row_at(900, 2, THEN + HOUR_MS);
    paused.time = ROW_TIME_KEPT;
    cluster_state_clock_stepped(cluster, 1000, step, THEN + step);
    told_now();
    cluster_state_expiries_told(cluster);
    cluster_state_desired(cluster, 1100, &paused, &effects);
    assert_int_equal(desired_for(), HOUR_MS - 1100);
}

/* The answer to an extension was lost, and a later pause arrives before the rows have followed. */
static void test_a_pause_after_an_extension_that_was_not_heard(void **state)
{
    int64_t longer_ms = THEN + 2 * HOUR_MS; /* generation 2 */
    step = STEP_MS * 20;
    cluster_state_clock_stepped(cluster, 1000, step, THEN + step);
    struct sandbox_row paused = row_at(1100, 3, longer_ms);
    paused.time = ROW_TIME_KEPT;
    assert_int_equal(paused.desired.remaining_ms, 0);
    cluster_state_desired(cluster, 1100, &paused, &effects);
    assert_int_equal(desired_for(), UINT64_MAX);
    told_now();
    cluster_state_expiries_told(cluster);
    assert_true(
        cluster_state_differs(cluster, cluster_state_stamp(cluster), &paused.desired.id, 3, SANDBOX_RUNNING));
    struct sandbox_row read = row_at(1300, 3, longer_ms + step);
    cluster_state_read(cluster, 1300, cluster_state_stamp(cluster), &read, &effects);
    assert_int_equal(desired_for(), 2 * HOUR_MS - 1300);
}

/* A clock that was wrong when this controller began, and is corrected: the rows were right all the time. */
static void test_a_clock_that_is_put_right_soon(void **state)
{
    cluster_state_free(cluster);
    cluster = cluster_state_new(10000);
    step = 1000 * (int64_t)HOUR_MS;
    begin(true);
    assert_int_equal(desired_for(),
                     UINT64_MAX); /* its node counts by itself: it is not told that the sandbox is overdue */
    cluster_state_clock_stepped(cluster, 5000, -step, THEN);
    step = 0;
    assert_int_equal(told_now().count, 0);
    struct sandbox_row paused = row_at(6000, 2, THEN + HOUR_MS);
    cluster_state_desired(cluster, 6000, &paused, &effects);
    assert_int_equal(desired_for(), HOUR_MS - 6000);
}

/* The count is off by the delay of the answer; the row is not. The row is moved by the step; then the count
 * is corrected by the row. */
static void test_a_late_count_is_corrected_all_the_same(void **state)
{
    struct sandbox_row row = row_at(0, 2, THEN + 2 * HOUR_MS);
    row.waited_ms = 40000;
    cluster_state_desired(cluster, 40000, &row, &effects);
    assert_int_equal(desired_for(), 2 * HOUR_MS); /* by the late answer */
    step = STEP_MS;
    cluster_state_clock_stepped(cluster, 41000, step, THEN + step);
    struct told told = told_now();
    assert_true(told.from_ms == THEN + 2 * HOUR_MS && told.to_ms == THEN + step + 2 * HOUR_MS);
    cluster_state_expiries_told(cluster);
    cluster_state_effects_clear(&effects);
    row = row_at(50000, 2, told.to_ms);
    cluster_state_read(cluster, 50000, cluster_state_stamp(cluster), &row, &effects);
    assert_int_equal(desired_for(), 2 * HOUR_MS - 50000);
}

/* The clock was set while that answer was on its way: the row followed, though the cluster state could not
 * name it. */
static void test_a_late_count_is_corrected_though_its_row_followed_unnamed(void **state)
{
    struct sandbox_row row = row_at(0, 2, THEN + 2 * HOUR_MS);
    row.waited_ms = 40000;
    step = STEP_MS;
    cluster_state_clock_stepped(cluster, 39000, step, THEN + step);
    cluster_state_expiries_told(cluster);
    cluster_state_desired(cluster, 40000, &row, &effects);
    assert_int_equal(desired_for(), 2 * HOUR_MS);
    cluster_state_effects_clear(&effects);
    row = row_at(50000, 2, THEN + step + 2 * HOUR_MS);
    cluster_state_read(cluster, 50000, cluster_state_stamp(cluster), &row, &effects);
    assert_int_equal(desired_for(), 2 * HOUR_MS - 50000);
}

/* …or has not followed yet: the rows could not be reached in between. */
static void test_a_late_count_is_corrected_where_its_row_follows_later(void **state)
{
    struct sandbox_row row = row_at(0, 2, THEN + 2 * HOUR_MS);
    row.waited_ms = 40000;
    step = STEP_MS;
    cluster_state_clock_stepped(cluster, 39000, step, THEN + step);
    cluster_state_desired(cluster, 40000, &row, &effects);
    assert_int_equal(desired_for(), 2 * HOUR_MS);
    assert_int_equal(told_now().count, 0); /* the database moves the rows that are not named */
    cluster_state_effects_clear(&effects);
    row = row_at(41000, 3, THEN + 2 * HOUR_MS); /* it still lacks the step, and is yet to follow */
    cluster_state_desired(cluster, 41000, &row, &effects);
    assert_int_equal(desired_for(), 2 * HOUR_MS - 1000);
    cluster_state_expiries_told(cluster);
    cluster_state_effects_clear(&effects);
    row = row_at(50000, 3, THEN + step + 2 * HOUR_MS);
    cluster_state_read(cluster, 50000, cluster_state_stamp(cluster), &row, &effects);
    assert_int_equal(desired_for(), 2 * HOUR_MS - 50000);
    step *= 2;
    cluster_state_clock_stepped(cluster, 60000, STEP_MS, THEN + step);
    assert_true(told_now().to_ms == THEN + step + 2 * HOUR_MS);
}

/* The clock is set again before the answer on the rows arrives: the expiry that they were sent last is not
 * read as a change. */
static void test_two_steps_before_an_answer(void **state)
{
    step = -STEP_MS;
    cluster_state_clock_stepped(cluster, 1000, step, THEN + step);
    int64_t told = told_now().to_ms;
    step = STEP_MS;
    cluster_state_clock_stepped(cluster, 2000, 2 * STEP_MS, THEN + step);
    struct sandbox_row paused = row_at(3000, 2, told);
    cluster_state_desired(cluster, 3000, &paused, &effects);
    assert_int_equal(desired_for(), HOUR_MS - 3000);
}

/* The remaining time comes from the count. */
static void test_an_end_tells_how_late_it_was(void **state)
{
    struct sandbox_row row = row_at(0, 1, THEN + HOUR_MS);
    struct sandbox_status over = {.id = row.desired.id,
                                  .generation = 1,
                                  .number = 4,
                                  .state = SANDBOX_STOPPED,
                                  .reason = REASON_EXPIRED,
                                  .ended_ago_ms = 100};
    step = STEP_MS;
    cluster_state_status(cluster, HOUR_MS + 150, "h1", &over, &effects);
    assert_int_equal(effects.item[0].kind, CLUSTER_PERSIST);
    assert_int_equal(effects.item[0].move.late_ms, 50);
    assert_false(effects.item[0].move.unheard);
}

static int set_up_running(void **state)
{
    set_up(state);
    begin(false);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_pause_after_a_step, set_up_running, tear_down),
        cmocka_unit_test_setup_teardown(test_the_rows_follow_until_it_is_committed, set_up_running,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_an_extension_between_the_step_and_its_notice, set_up_running,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_an_extension_around_the_step_is_read_again, set_up_running,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_an_extension_between_two_steps, set_up_running, tear_down),
        cmocka_unit_test_setup_teardown(test_an_extension_before_the_notice_that_was_answered_late,
                                        set_up_running, tear_down),
        cmocka_unit_test_setup_teardown(test_a_pause_after_an_extension_that_was_not_heard, set_up_running,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_an_extension_between_two_steps_that_the_rows_followed,
                                        set_up_running, tear_down),
        cmocka_unit_test_setup_teardown(test_an_extension_that_is_read_after_another_step, set_up_running,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_row_found_wrong_while_the_rows_follow, set_up_running,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_pause_from_before_the_rows_followed, set_up_running,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_clock_that_is_put_right_soon, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_late_count_is_corrected_all_the_same, set_up_running,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_late_count_is_corrected_though_its_row_followed_unnamed,
                                        set_up_running, tear_down),
        cmocka_unit_test_setup_teardown(test_a_late_count_is_corrected_where_its_row_follows_later,
                                        set_up_running, tear_down),
        cmocka_unit_test_setup_teardown(test_two_steps_before_an_answer, set_up_running, tear_down),
        cmocka_unit_test_setup_teardown(test_an_end_tells_how_late_it_was, set_up_running, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
