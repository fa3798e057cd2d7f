/* The desired state of a sandbox changes: its pause, its limits, its deadline. */
#include "tests/sim/scenarios/stage.h"

static void an_idle_sandbox_is_paused_and_stays_so(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    sandbox_idles(w, stage_node(w, sandbox), sandbox);
    UNTIL(w, 3000, stage_is(w, sandbox, SANDBOX_PAUSED) && w->row[sandbox].desired == DESIRED_PAUSED);
    controller_extend(w, sandbox, 90000);
    HOLDS(w, 5000, stage_sandbox(w, sandbox)->paused);
    controller_pause(w, sandbox, false);
    UNTIL(w, 3000, stage_is(w, sandbox, SANDBOX_RUNNING) && !stage_sandbox(w, sandbox)->paused);
}

static void an_idle_pause_meets_a_newer_desired(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    sandbox_idles(w, stage_node(w, sandbox), sandbox);
    controller_resize(w, sandbox, 2);
    PASS(w, 3000);
    EXPECT(w, w->row[sandbox].desired == DESIRED_RUNNING);
    EXPECT(w, !stage_sandbox(w, sandbox)->paused && stage_is(w, sandbox, SANDBOX_RUNNING));
}

static void an_idle_pause_outlives_its_agent(struct world *w)
{
    int sandbox = stage_running(w, 60000), node = stage_node(w, sandbox);
    w->node[node].linked = false;
    sandbox_idles(w, node, sandbox);
    UNTIL(w, 2000,
          stage_sandbox(w, sandbox)->paused && stage_sandbox(w, sandbox)->record.desired == DESIRED_PAUSED);
    agent_down(w, node);
    PASS(w, 1000);
    agent_up(w, node);
    HOLDS(w, 2000, stage_sandbox(w, sandbox)->paused);
    w->node[node].linked = true;
    UNTIL(w, 3000, stage_is(w, sandbox, SANDBOX_PAUSED) && w->row[sandbox].desired == DESIRED_PAUSED);
}

static void an_idle_pause_waits_for_its_disk(struct world *w)
{
    int sandbox = stage_running(w, 60000), node = stage_node(w, sandbox);
    stage_no_disk(w, node, 5000);
    sandbox_idles(w, node, sandbox);
    HOLDS(w, 4000, !stage_sandbox(w, sandbox)->paused);
    UNTIL(w, 5000, stage_sandbox(w, sandbox)->paused);
}

static void a_pause_waits_for_its_node(struct world *w)
{
    int sandbox = stage_running(w, 60000), node = stage_node(w, sandbox);
    w->node[node].linked = false;
    controller_pause(w, sandbox, true);
    HOLDS(w, 3000, !stage_sandbox(w, sandbox)->paused);
    w->node[node].linked = true;
    UNTIL(w, 5000, stage_is(w, sandbox, SANDBOX_PAUSED) && stage_sandbox(w, sandbox)->paused);
}

static void a_paused_sandbox_ends_at_its_deadline(struct world *w)
{
    int sandbox = stage_running(w, 10000);
    controller_pause(w, sandbox, true);
    UNTIL(w, 3000, stage_is(w, sandbox, SANDBOX_PAUSED));
    UNTIL(w, 12000, !stage_sandbox(w, sandbox)->runs);
    UNTIL(w, 3000, stage_ended(w, sandbox, REASON_EXPIRED));
}

static void an_extension_outlives_its_agent(struct world *w)
{
    int sandbox = stage_running(w, 8000), node = stage_node(w, sandbox);
    controller_extend(w, sandbox, 30000);
    UNTIL(w, 1000, stage_sandbox(w, sandbox)->record.generation == 2);
    agent_down(w, node);
    PASS(w, 1000);
    agent_up(w, node);
    HOLDS(w, 20000, stage_sandbox(w, sandbox)->runs);
    UNTIL(w, 12000, stage_ended(w, sandbox, REASON_EXPIRED));
}

static void a_disk_refuses_an_extension_for_a_while(struct world *w)
{
    int sandbox = stage_running(w, 9000), node = stage_node(w, sandbox);
    stage_no_disk(w, node, 2000);
    controller_extend(w, sandbox, 40000);
    PASS(w, 4000);
    w->node[node].linked = false;
    agent_down(w, node);
    agent_up(w, node);
    HOLDS(w, 20000, stage_sandbox(w, sandbox)->runs);
}

static void an_older_desired_state_only_shortens_a_deadline(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    uint64_t deadline = stage_record(w, sandbox)->deadline_ms;
    stage_desired(w, sandbox, 1, 120000);
    EXPECT(w, stage_record(w, sandbox)->deadline_ms == deadline);
    stage_desired(w, sandbox, 0, 1);
    EXPECT(w, stage_record(w, sandbox)->deadline_ms == deadline);
    stage_desired(w, sandbox, 1, deadline - 500 - w->now);
    EXPECT(w, stage_record(w, sandbox)->deadline_ms == deadline - 500);
}

static void its_agent_dies_before_docker_heard_of_a_limit(struct world *w)
{
    int sandbox = stage_running(w, 60000), node = stage_node(w, sandbox);
    stage_no_docker(w, node, 5000);
    controller_resize(w, sandbox, 3);
    UNTIL(w, 2000, stage_sandbox(w, sandbox)->record.limits.memory_bytes == 3);
    agent_down(w, node);
    EXPECT(w, stage_sandbox(w, sandbox)->memory_bytes == 1);
    agent_up(w, node);
    UNTIL(w, 12000, stage_sandbox(w, sandbox)->memory_bytes == 3);
}

static void changes_follow_each_other_while_docker_hangs(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    stage_no_docker(w, stage_node(w, sandbox), 5000);
    controller_resize(w, sandbox, 2);
    controller_pause(w, sandbox, true);
    controller_resize(w, sandbox, 3);
    controller_pause(w, sandbox, false);
    UNTIL(w, 15000, stage_sandbox(w, sandbox)->memory_bytes == 3);
    UNTIL(w, 5000, !stage_sandbox(w, sandbox)->paused && stage_is(w, sandbox, SANDBOX_RUNNING));
}

static void a_deletion_ends_a_paused_sandbox(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    controller_pause(w, sandbox, true);
    UNTIL(w, 3000, stage_is(w, sandbox, SANDBOX_PAUSED));
    controller_delete(w, sandbox);
    UNTIL(w, 5000, stage_gone(w, sandbox));
    EXPECT(w, stage_ended(w, sandbox, REASON_DELETED));
}

static void a_deletion_whose_disk_is_full(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    stage_no_disk(w, stage_node(w, sandbox), 30000);
    controller_delete(w, sandbox);
    UNTIL(w, 2000, !stage_sandbox(w, sandbox)->runs);
    UNTIL(w, 3000, stage_ended(w, sandbox, REASON_DELETED));
}

const struct scenario scenarios_changes[] = {
    SCENARIO("a pause by the node becomes the desired state; a resume ends it, an extension does not",
             an_idle_sandbox_is_paused_and_stays_so),
    SCENARIO("…unless a newer desired state exists", an_idle_pause_meets_a_newer_desired),
    SCENARIO("…and the node keeps the pause on disk until then", an_idle_pause_outlives_its_agent),
    SCENARIO("…and writes the pause to disk before it pauses the sandbox", an_idle_pause_waits_for_its_disk),
    SCENARIO("a desired state waits until its node returns", a_pause_waits_for_its_node),
    SCENARIO("a paused sandbox ends at its deadline like any other", a_paused_sandbox_ends_at_its_deadline),
    SCENARIO("an extension is on disk and survives a restart of the agent", an_extension_outlives_its_agent),
    SCENARIO("what the disk refused is written again", a_disk_refuses_an_extension_for_a_while),
    SCENARIO("any message may shorten a deadline; only a higher generation may extend it",
             an_older_desired_state_only_shortens_a_deadline),
    SCENARIO("a limit that had not reached Docker when the agent died is set after the restart",
             its_agent_dies_before_docker_heard_of_a_limit),
    SCENARIO("of several changes the last one holds", changes_follow_each_other_while_docker_hangs),
    SCENARIO("a deletion ends a paused sandbox too", a_deletion_ends_a_paused_sandbox),
    SCENARIO("a deletion kills as soon as it is on disk, or after a second", a_deletion_whose_disk_is_full),
    {0}};
