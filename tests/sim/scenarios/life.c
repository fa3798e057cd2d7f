/* One sandbox on one node, from its start to its final report. */
#include "tests/sim/scenarios/stage.h"

static void its_lifetime_ends(struct world *w)
{
    int sandbox = stage_running(w, 10000);
    HOLDS(w, w->row[sandbox].deadline_ms - w->now - 100, stage_sandbox(w, sandbox)->runs);
    UNTIL(w, 2100, !stage_sandbox(w, sandbox)->runs);
    UNTIL(w, 5000, stage_ended(w, sandbox, REASON_EXPIRED));
}

static void its_command_ends(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    sandbox_exits(w, stage_node(w, sandbox), sandbox);
    UNTIL(w, 3000, stage_ended(w, sandbox, REASON_EXITED));
    UNTIL(w, 3000, stage_gone(w, sandbox));
}

static void nobody_is_there_when_its_lifetime_ends(struct world *w)
{
    int sandbox = stage_running(w, 20000), node = stage_node(w, sandbox);
    controller_down(w);
    w->node[node].linked = false;
    UNTIL(w, 20000, w->now >= w->row[sandbox].deadline_ms);
    EXPECT(w, stage_sandbox(w, sandbox)->runs);
    UNTIL(w, 2000, !stage_sandbox(w, sandbox)->runs);
    w->node[node].linked = true;
    controller_up(w);
    UNTIL(w, 5000, stage_ended(w, sandbox, REASON_EXPIRED));
}

static void docker_hangs_when_its_lifetime_ends(struct world *w)
{
    int sandbox = stage_running(w, 20000);
    stage_no_docker(w, stage_node(w, sandbox), 50000);
    UNTIL(w, 22000, !stage_sandbox(w, sandbox)->runs);
    HOLDS(w, 10000, stage_sandbox(w, sandbox)->container);
    UNTIL(w, 60000, stage_gone(w, sandbox));
    EXPECT(w, stage_ended(w, sandbox, REASON_EXPIRED));
}

static void its_lifetime_ends_while_its_agent_is_down(struct world *w)
{
    int sandbox = stage_running(w, 8000), node = stage_node(w, sandbox);
    agent_down(w, node);
    UNTIL(w, 20000, w->now >= w->row[sandbox].deadline_ms + 1000);
    EXPECT(w, stage_sandbox(w, sandbox)->runs);
    agent_up(w, node);
    UNTIL(w, 2000, !stage_sandbox(w, sandbox)->runs);
    UNTIL(w, 5000, stage_ended(w, sandbox, REASON_EXPIRED));
}

static void its_command_ends_while_its_agent_is_down(struct world *w)
{
    int sandbox = stage_running(w, 60000), node = stage_node(w, sandbox);
    agent_down(w, node);
    sandbox_exits(w, node, sandbox);
    PASS(w, 3000);
    agent_up(w, node);
    UNTIL(w, 5000, stage_ended(w, sandbox, REASON_EXITED));
}

static void its_agent_dies_while_it_starts(struct world *w)
{
    int sandbox = controller_create(w, 60000), node = stage_node(w, sandbox);
    stage_no_docker(w, node, 5000);
    UNTIL(w, 3000, stage_record(w, sandbox) && stage_record(w, sandbox)->phase == PHASE_STARTING);
    EXPECT(w, stage_sandbox(w, sandbox)->saved);
    agent_down(w, node);
    PASS(w, 1000);
    agent_up(w, node);
    UNTIL(w, 15000, stage_is(w, sandbox, SANDBOX_RUNNING));
    EXPECT(w, stage_node(w, sandbox) == node);
}

static void its_agent_dies_right_after_it_began(struct world *w)
{
    int sandbox = controller_create(w, 60000), node = stage_node(w, sandbox);
    UNTIL(w, 3000, stage_sandbox(w, sandbox)->begun);
    EXPECT(w, stage_record(w, sandbox)->phase == PHASE_STARTING);
    agent_down(w, node);
    PASS(w, 1000);
    agent_up(w, node);
    HOLDS(w, 1000, stage_sandbox(w, sandbox)->runs);
    UNTIL(w, 5000, stage_is(w, sandbox, SANDBOX_RUNNING));
}

static void its_node_reboots(struct world *w)
{
    int sandbox = stage_running(w, 60000), node = stage_node(w, sandbox);
    node_reboot(w, node);
    PASS(w, 2000);
    agent_up(w, node);
    HOLDS(w, 5000, !stage_sandbox(w, sandbox)->runs);
    EXPECT(w, sandbox_state_terminal(w->row[sandbox].state));
}

static void its_nodes_disk_is_full_when_it_ends(struct world *w)
{
    int sandbox = stage_running(w, 60000), node = stage_node(w, sandbox);
    stage_no_disk(w, node, 30000);
    sandbox_exits(w, node, sandbox);
    UNTIL(w, 5000, stage_ended(w, sandbox, REASON_EXITED));
    HOLDS(w, 10000, stage_is(w, sandbox, SANDBOX_STOPPED));
}

static void its_end_is_on_disk_before_its_container_goes(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    sandbox_exits(w, stage_node(w, sandbox), sandbox);
    while (stage_sandbox(w, sandbox)->container) {
        EXPECT(w, stage_record(w, sandbox)->phase != PHASE_ENDED);
        world_step(w);
    }
    EXPECT(w, stage_sandbox(w, sandbox)->record.phase == PHASE_REMOVING);
}

static void the_final_report_is_sent_until_it_is_acknowledged(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    w->loses = stage_ack_is_told;
    sandbox_exits(w, stage_node(w, sandbox), sandbox);
    UNTIL(w, 3000, stage_is(w, sandbox, SANDBOX_STOPPED));
    HOLDS(w, 10000, stage_sandbox(w, sandbox)->saved);
    w->loses = NULL;
    UNTIL(w, 3000, stage_gone(w, sandbox));
}

static void an_old_desired_state_arrives_after_its_end(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    sandbox_exits(w, stage_node(w, sandbox), sandbox);
    UNTIL(w, 5000, stage_sandbox(w, sandbox)->forgotten);
    stage_desired(w, sandbox, 1, 60000);
    HOLDS(w, 10000, !stage_sandbox(w, sandbox)->container);
}

static void somebody_removes_its_container(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    sandbox_taken(w, stage_node(w, sandbox), sandbox);
    UNTIL(w, 5000, stage_ended(w, sandbox, REASON_ORPHANED));
}

static void somebody_pauses_its_container(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    sandbox_touched(w, stage_node(w, sandbox), sandbox);
    UNTIL(w, 2000, stage_is(w, sandbox, SANDBOX_PAUSED));
    UNTIL(w, 3000, stage_is(w, sandbox, SANDBOX_RUNNING) && !stage_sandbox(w, sandbox)->paused);
}

static void it_is_deleted_while_it_starts(struct world *w)
{
    int sandbox = controller_create(w, 60000);
    stage_no_docker(w, stage_node(w, sandbox), 5000);
    UNTIL(w, 3000, stage_record(w, sandbox) && stage_record(w, sandbox)->phase == PHASE_STARTING);
    controller_delete(w, sandbox);
    HOLDS(w, 10000, !stage_sandbox(w, sandbox)->begun);
    UNTIL(w, 1000, stage_gone(w, sandbox));
    EXPECT(w, stage_ended(w, sandbox, REASON_DELETED));
}

static void it_is_deleted_and_killed_past_its_deadline(struct world *w)
{
    int sandbox = stage_running(w, 8000), node = stage_node(w, sandbox);
    w->node[node].linked = false;
    UNTIL(w, 10000, !stage_sandbox(w, sandbox)->runs);
    w->node[node].linked = true;
    controller_delete(w, sandbox);
    UNTIL(w, 5000, stage_ended(w, sandbox, REASON_EXPIRED));
}

const struct scenario scenarios_life[] = {
    SCENARIO("a sandbox ends at its deadline: not earlier, and at most two seconds later", its_lifetime_ends),
    SCENARIO("a sandbox whose command ends is reported as exited, and nothing is left of it",
             its_command_ends),
    SCENARIO("deadlines hold without the controller and without the network",
             nobody_is_there_when_its_lifetime_ends),
    SCENARIO(
        "at a deadline the processes are killed without Docker; the container is removed when Docker answers",
        docker_hangs_when_its_lifetime_ends),
    SCENARIO("a restarted agent kills at once what is past its deadline",
             its_lifetime_ends_while_its_agent_is_down),
    SCENARIO("an end that happened while the agent was down is reported with its real reason",
             its_command_ends_while_its_agent_is_down),
    SCENARIO("a start that was interrupted by the agent's death is made again",
             its_agent_dies_while_it_starts),
    SCENARIO("…unless the command has begun: a command never begins twice",
             its_agent_dies_right_after_it_began),
    SCENARIO("a sandbox that a reboot ended is not started again", its_node_reboots),
    SCENARIO("a final report that the disk refuses is sent nevertheless",
             its_nodes_disk_is_full_when_it_ends),
    SCENARIO("container and volume are removed only once the end is on disk",
             its_end_is_on_disk_before_its_container_goes),
    SCENARIO("the final report is repeated until it is acknowledged; then the record is deleted",
             the_final_report_is_sent_until_it_is_acknowledged),
    SCENARIO("a sandbox that ended on a node is never started there again",
             an_old_desired_state_arrives_after_its_end),
    SCENARIO("a sandbox whose container was removed in Docker ends as orphaned",
             somebody_removes_its_container),
    SCENARIO("a pause that was made in Docker is reported, and undone", somebody_pauses_its_container),
    SCENARIO("the start of a sandbox that is deleted meanwhile is aborted", it_is_deleted_while_it_starts),
    SCENARIO("a kill after the deadline is always reported as expired",
             it_is_deleted_and_killed_past_its_deadline),
    {0}};
