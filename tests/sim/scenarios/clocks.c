/* PostgreSQL's clock is set under live sandboxes. */
#include "tests/sim/scenarios/stage.h"

#define HOUR_MS 3600000

/* The sandbox lives as long as its user was promised, and not longer. */
static void lives_on(struct world *w, int sandbox)
{
    UNTIL(w, 4000, stage_row_true(w, sandbox));
    HOLDS(w, w->row[sandbox].deadline_ms - w->now - 100, stage_sandbox(w, sandbox)->runs);
    UNTIL(w, 2100, !stage_sandbox(w, sandbox)->runs);
}

static void the_clock_is_set_ahead(struct world *w)
{
    int sandbox = stage_running(w, 30000);
    w->clock_ms = HOUR_MS;
    EXPECT(w, !stage_row_true(w, sandbox));
    lives_on(w, sandbox);
}

static void the_clock_is_set_back(struct world *w)
{
    int sandbox = stage_running(w, 30000);
    w->clock_ms = -HOUR_MS;
    lives_on(w, sandbox);
}

static void the_clock_is_set_while_nobody_leads(struct world *w)
{
    int sandbox = stage_running(w, 30000);
    controller_down(w);
    w->clock_ms = HOUR_MS;
    PASS(w, 3000);
    controller_up(w);
    EXPECT(w, stage_row_true(w, sandbox));
    lives_on(w, sandbox);
}

static void the_clock_is_set_while_the_database_is_away(struct world *w)
{
    int sandbox = stage_running(w, 40000);
    stage_no_database(w, 5000);
    w->clock_ms = HOUR_MS;
    PASS(w, 5000);
    lives_on(w, sandbox);
}

static void a_pause_meets_a_step(struct world *w)
{
    int sandbox = stage_running(w, 30000);
    w->clock_ms = HOUR_MS;
    controller_pause(w, sandbox, true);
    UNTIL(w, 2000, stage_is(w, sandbox, SANDBOX_PAUSED));
    lives_on(w, sandbox);
}

static void an_extension_lies_between_a_step_and_its_notice(struct world *w)
{
    int sandbox = stage_running(w, 30000);
    w->clock_ms = HOUR_MS;
    controller_extend(w, sandbox, 50000);
    HOLDS(w, 5000, stage_row_true(w, sandbox));
    lives_on(w, sandbox);
}

static int created;

static void create_between_two_steps(struct world *w)
{
    created = controller_create(w, 60000);
    w->clock_ms += HOUR_MS;
    w->on_beat = NULL;
}

static void a_create_lies_between_two_steps(struct world *w)
{
    stage_stop_controller(w, 5000);
    PASS(w, 1000);
    w->clock_ms = -2 * HOUR_MS;
    created = -1;
    UNTIL(w, 6000, w->now >= w->stopped_ms);
    w->on_beat = create_between_two_steps; /* the leader reads PostgreSQL's clock right after each beat */
    UNTIL(w, 1000, created >= 0);
    UNTIL(w, 5000, stage_is(w, created, SANDBOX_RUNNING));
    lives_on(w, created);
}

static void the_leader_changes_after_a_step(struct world *w)
{
    int sandbox = stage_running(w, 40000);
    w->clock_ms = HOUR_MS;
    UNTIL(w, 4000, stage_row_true(w, sandbox));
    controller_down(w);
    PASS(w, 1000);
    controller_up(w);
    lives_on(w, sandbox);
}

const struct scenario scenarios_clocks[] = {
    SCENARIO("a step of PostgreSQL's clock ahead ends no sandbox early, and expires_at follows it",
             the_clock_is_set_ahead),
    SCENARIO("…a step back ends no sandbox late", the_clock_is_set_back),
    SCENARIO("a step that happened while nobody led is found by the next leader",
             the_clock_is_set_while_nobody_leads),
    SCENARIO("the rows follow a step as soon as the database answers",
             the_clock_is_set_while_the_database_is_away),
    SCENARIO("a row that is read again is no new deadline unless somebody changed it", a_pause_meets_a_step),
    SCENARIO("a deadline that was given under the new clock is not moved again",
             an_extension_lies_between_a_step_and_its_notice),
    SCENARIO("a row that was moved by the wrong step is found and corrected",
             a_create_lies_between_two_steps),
    SCENARIO("the next leader believes the rows as they were moved", the_leader_changes_after_a_step),
    {0}};
