/* Nodes on which a sandbox does not start. */
#include "tests/sim/scenarios/stage.h"

static void a_node_that_fails_a_start_is_passed_over(struct world *w)
{
    int sandbox = controller_create(w, 60000), first = stage_node(w, sandbox);
    stage_no_starts(w, first, 60000);
    UNTIL(w, 10000, stage_is(w, sandbox, SANDBOX_RUNNING));
    EXPECT(w, stage_node(w, sandbox) != first);
    EXPECT(w, !w->node[first].sandbox[sandbox].container);
    EXPECT(w, w->row[sandbox].moves == 2);
}

static void a_second_node_that_fails_too_is_the_last(struct world *w)
{
    for (int n = 0; n < SIM_NODES; n++)
        stage_no_starts(w, n, 60000);
    int sandbox = controller_create(w, 60000);
    UNTIL(w, 20000, stage_is(w, sandbox, SANDBOX_FAILED));
    EXPECT(w, stage_ended(w, sandbox, REASON_START_FAILED));
    EXPECT(w, w->rescheduled == 1);
}

static void nobody_knows_whether_it_was_placed_again(struct world *w)
{
    int sandbox = controller_create(w, 60000), first = stage_node(w, sandbox);
    stage_no_starts(w, first, 60000);
    UNTIL(w, 5000, stage_record(w, sandbox) && stage_record(w, sandbox)->failed);
    stage_no_database(w, 8000);
    HOLDS(w, 7000, stage_node(w, sandbox) == first && !sandbox_state_terminal(w->row[sandbox].state));
    UNTIL(w, 10000, stage_is(w, sandbox, SANDBOX_RUNNING));
    EXPECT(w, stage_node(w, sandbox) != first);
}

static int placed_on_first(struct world *w, int creates)
{
    int there = 0;
    for (int i = 0; i < creates; i++) {
        int sandbox = controller_create(w, 60000);
        there += stage_node(w, sandbox) == 0;
        UNTIL(w, 10000, stage_is(w, sandbox, SANDBOX_RUNNING));
    }
    return there;
}

static void a_node_that_fails_three_starts_gets_no_more(struct world *w)
{
    int failed = 0;
    stage_no_starts(w, 0, 40000);
    while (!reconciler_unhealthy(w->node[0].reconciler, w->now))
        failed += placed_on_first(w, 1);
    EXPECT(w, failed == 3);
    UNTIL(w, 2000, w->node[0].session && w->node[0].starts_fail);
    EXPECT(w, placed_on_first(w, 6) == 0);
}

static void a_node_that_is_healthy_again_is_tried_again(struct world *w)
{
    stage_no_starts(w, 0, 20000);
    placed_on_first(w, 9);
    UNTIL(w, 60000, !reconciler_unhealthy(w->node[0].reconciler, w->now));
    w->node[0].broken_ms = 0;
    EXPECT(w, placed_on_first(w, 9) > 1);
}

static void a_disk_that_takes_no_record_starts_no_sandbox(struct world *w)
{
    int sandbox = controller_create(w, 60000), first = stage_node(w, sandbox);
    stage_no_disk(w, first, 60000);
    UNTIL(w, 10000, stage_is(w, sandbox, SANDBOX_RUNNING));
    EXPECT(w, stage_node(w, sandbox) != first && !w->node[first].sandbox[sandbox].begun);
}

static void nothing_starts_before_its_record_is_on_disk(struct world *w)
{
    int sandbox = controller_create(w, 60000);
    while (!stage_is(w, sandbox, SANDBOX_RUNNING)) {
        const struct sandbox_model *s = stage_sandbox(w, sandbox);
        EXPECT(w, !s->container || s->saved);
        world_step(w);
    }
}

const struct scenario scenarios_starts[] = {
    SCENARIO("a sandbox that its node cannot start, for a reason of the node, is placed on another node",
             a_node_that_fails_a_start_is_passed_over),
    SCENARIO("…once", a_second_node_that_fails_too_is_the_last),
    SCENARIO("…and is placed again where the answer to the first attempt is lost",
             nobody_knows_whether_it_was_placed_again),
    SCENARIO("a node that fails three starts in a row gets no more",
             a_node_that_fails_three_starts_gets_no_more),
    SCENARIO("…until it may try one, after a while", a_node_that_is_healthy_again_is_tried_again),
    SCENARIO("a node whose disk takes no record starts no sandbox",
             a_disk_that_takes_no_record_starts_no_sandbox),
    SCENARIO("a sandbox starts only once its record is on disk", nothing_starts_before_its_record_is_on_disk),
    {0}};
