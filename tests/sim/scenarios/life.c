/* One sandbox on one machine, from its start to the last word on it. */
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
    w->host[node].linked = false;
    UNTIL(w, 20000, w->now >= w->row[sandbox].deadline_ms);
    EXPECT(w, stage_sandbox(w, sandbox)->runs);
    UNTIL(w, 2000, !stage_sandbox(w, sandbox)->runs);
    w->host[node].linked = true;
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

static void its_agent_dies_while_it_is_made(struct world *w)
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

static void its_host_is_booted(struct world *w)
{
    int sandbox = stage_running(w, 60000), node = stage_node(w, sandbox);
    host_reboot(w, node);
    PASS(w, 2000);
    agent_up(w, node);
    HOLDS(w, 5000, !stage_sandbox(w, sandbox)->runs);
    EXPECT(w, sandbox_state_terminal(w->row[sandbox].state));
}

static void its_hosts_disk_is_full_when_it_ends(struct world *w)
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

static void the_last_word_is_said_until_it_is_accepted(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    w->loses = agent_hear_ack;
    sandbox_exits(w, stage_node(w, sandbox), sandbox);
    UNTIL(w, 3000, stage_is(w, sandbox, SANDBOX_STOPPED));
    HOLDS(w, 10000, stage_sandbox(w, sandbox)->saved);
    w->loses = NULL;
    UNTIL(w, 3000, stage_gone(w, sandbox));
}

static void an_old_desired_comes_after_its_end(struct world *w)
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

static void it_is_deleted_while_it_is_made(struct world *w)
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
    w->host[node].linked = false;
    UNTIL(w, 10000, !stage_sandbox(w, sandbox)->runs);
    w->host[node].linked = true;
    controller_delete(w, sandbox);
    UNTIL(w, 5000, stage_ended(w, sandbox, REASON_EXPIRED));
}

const struct scenario scenarios_life[] = {
    SCENARIO("a sandbox ends within two seconds of its deadline, and not before it", its_lifetime_ends),
    SCENARIO("what ended by itself is told so, and nothing is left of it", its_command_ends),
    SCENARIO("deadlines hold with the controller and the network gone",
             nobody_is_there_when_its_lifetime_ends),
    SCENARIO("processes are killed first, without Docker; its container goes when Docker answers",
             docker_hangs_when_its_lifetime_ends),
    SCENARIO("a restarted agent kills what is overdue at once", its_lifetime_ends_while_its_agent_is_down),
    SCENARIO("what ended while its agent was down is told as it was",
             its_command_ends_while_its_agent_is_down),
    SCENARIO("what was being made when its agent died is made again", its_agent_dies_while_it_is_made),
    SCENARIO("…but for a command that has begun: never a second time", its_agent_dies_right_after_it_began),
    SCENARIO("what a boot ended is not begun again", its_host_is_booted),
    SCENARIO("a last word that the disk refuses is said all the same", its_hosts_disk_is_full_when_it_ends),
    SCENARIO("container and volume are removed once the end is on disk",
             its_end_is_on_disk_before_its_container_goes),
    SCENARIO("the last word is repeated until it is acknowledged, then the record goes",
             the_last_word_is_said_until_it_is_accepted),
    SCENARIO("an id that ended here is never made again", an_old_desired_comes_after_its_end),
    SCENARIO("a container that somebody else removed ends as orphaned", somebody_removes_its_container),
    SCENARIO("a pause by somebody else is told, and undone", somebody_pauses_its_container),
    SCENARIO("the making of what is not wanted any more is broken off", it_is_deleted_while_it_is_made),
    SCENARIO("who was killed past its deadline expired, anyone who comes to tell",
             it_is_deleted_and_killed_past_its_deadline),
    {0}};
