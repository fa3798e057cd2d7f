/* Nodes that fall silent, come back, or come back without what they had. */
#include "tests/sim/scenarios/stage.h"

static void a_node_returns_with_a_sandbox_that_was_deleted_meanwhile(struct world *w)
{
    int sandbox = stage_running(w, 60000), node = stage_node(w, sandbox);
    w->node[node].linked = false;
    UNTIL(w, 15000, stage_is(w, sandbox, SANDBOX_LOST));
    controller_delete(w, sandbox);
    HOLDS(w, 5000, stage_is(w, sandbox, SANDBOX_STOPPING) && stage_sandbox(w, sandbox)->runs);
    w->node[node].linked = true;
    UNTIL(w, 5000, stage_gone(w, sandbox));
    EXPECT(w, stage_ended(w, sandbox, REASON_DELETED));
}

static void a_silent_node_returns(struct world *w)
{
    int sandbox = stage_running(w, 60000), node = stage_node(w, sandbox);
    w->node[node].linked = false;
    HOLDS(w, SIM_LEASE_MS - 1000, stage_is(w, sandbox, SANDBOX_RUNNING));
    UNTIL(w, 4000, stage_is(w, sandbox, SANDBOX_LOST));
    w->node[node].linked = true;
    UNTIL(w, 4000, stage_is(w, sandbox, SANDBOX_RUNNING));
}

static void a_silent_node_returns_with_one_that_is_paused(struct world *w)
{
    int sandbox = stage_running(w, 60000), node = stage_node(w, sandbox);
    controller_pause(w, sandbox, true);
    UNTIL(w, 4000, stage_is(w, sandbox, SANDBOX_PAUSED));
    w->node[node].linked = false;
    UNTIL(w, 15000, stage_is(w, sandbox, SANDBOX_LOST));
    w->node[node].linked = true;
    UNTIL(w, 4000, stage_is(w, sandbox, SANDBOX_PAUSED));
}

static void a_silent_node_stays_away(struct world *w)
{
    int sandbox = stage_running(w, 30000);
    stage_node_model(w, sandbox)->linked = false;
    UNTIL(w, 15000, stage_is(w, sandbox, SANDBOX_LOST));
    HOLDS(w, w->row[sandbox].deadline_ms - w->now, stage_is(w, sandbox, SANDBOX_LOST));
    UNTIL(w, 5000, stage_ended(w, sandbox, REASON_NODE_LOST));
}

static void a_lost_sandbox_is_deleted_and_its_node_stays_away(struct world *w)
{
    int sandbox = stage_running(w, 30000);
    stage_node_model(w, sandbox)->linked = false;
    UNTIL(w, 15000, stage_is(w, sandbox, SANDBOX_LOST));
    controller_delete(w, sandbox);
    HOLDS(w, w->row[sandbox].deadline_ms - w->now, stage_is(w, sandbox, SANDBOX_STOPPING));
    UNTIL(w, 5000, stage_ended(w, sandbox, REASON_DELETED));
}

static void a_node_returns_without_its_sandbox(struct world *w)
{
    int sandbox = stage_running(w, 60000), node = stage_node(w, sandbox);
    node_wiped(w, node);
    PASS(w, 2000);
    agent_up(w, node);
    UNTIL(w, 5000, stage_ended(w, sandbox, REASON_ORPHANED));
}

static void an_agent_is_restarted(struct world *w)
{
    int sandbox = stage_running(w, 60000), node = stage_node(w, sandbox);
    agent_down(w, node);
    HOLDS(w, 3000, stage_is(w, sandbox, SANDBOX_RUNNING));
    agent_up(w, node);
    HOLDS(w, 15000, stage_is(w, sandbox, SANDBOX_RUNNING) && stage_sandbox(w, sandbox)->runs);
}

static void a_controller_that_stood_still_listens_first(struct world *w)
{
    int sandbox = stage_running(w, 120000);
    stage_stop_controller(w, 30000);
    HOLDS(w, 30000 + 2 * SIM_LEASE_MS, stage_is(w, sandbox, SANDBOX_RUNNING));
}

static void a_controller_stands_still_before_its_nodes_came(struct world *w)
{
    int sandbox = stage_running(w, 120000);
    controller_down(w);
    controller_up(w);
    stage_stop_controller(w, 30000);
    HOLDS(w, 30000 + 2 * SIM_LEASE_MS, stage_is(w, sandbox, SANDBOX_RUNNING));
}

static void a_controller_stands_still_while_a_lifetime_ends(struct world *w)
{
    int sandbox = stage_running(w, 10000);
    stage_stop_controller(w, 30000);
    UNTIL(w, 12000, !stage_sandbox(w, sandbox)->runs);
    UNTIL(w, 30000, stage_ended(w, sandbox, REASON_EXPIRED));
}

static void a_new_controller_waits_for_the_nodes(struct world *w)
{
    int sandbox = stage_running(w, 90000);
    controller_down(w);
    stage_node_model(w, sandbox)->linked = false;
    PASS(w, 20000);
    controller_up(w);
    HOLDS(w, SIM_LEASE_MS - 500, stage_is(w, sandbox, SANDBOX_RUNNING));
    UNTIL(w, 3000, stage_is(w, sandbox, SANDBOX_LOST));
}

static void what_is_desired_is_lost_on_its_way(struct world *w)
{
    w->loses = stage_desired_is_told;
    int sandbox = controller_create(w, 60000);
    HOLDS(w, 10000, stage_is(w, sandbox, SANDBOX_PENDING));
    w->loses = NULL;
    UNTIL(w, 5000, stage_is(w, sandbox, SANDBOX_RUNNING));
}

static void what_a_node_says_is_lost_on_its_way(struct world *w)
{
    w->loses = stage_desired_is_told;
    int sandbox = controller_create(w, 60000);
    PASS(w, 500);
    w->loses = stage_status_is_told;
    UNTIL(w, 5000, stage_sandbox(w, sandbox)->runs);
    EXPECT(w, stage_is(w, sandbox, SANDBOX_PENDING));
    w->loses = NULL;
    UNTIL(w, 2000, stage_is(w, sandbox, SANDBOX_RUNNING));
}

static void every_message_arrives_twice(struct world *w)
{
    w->doubles = true;
    int sandbox = stage_running(w, 60000);
    controller_pause(w, sandbox, true);
    UNTIL(w, 4000, stage_is(w, sandbox, SANDBOX_PAUSED));
    controller_delete(w, sandbox);
    UNTIL(w, 5000, stage_gone(w, sandbox));
    EXPECT(w, w->row[sandbox].moves == 5);
}

static void a_node_brings_what_nobody_knows(struct world *w)
{
    int sandbox = stage_running(w, 60000), node = stage_node(w, sandbox);
    w->node[node].linked = false;
    UNTIL(w, 15000, stage_is(w, sandbox, SANDBOX_LOST));
    controller_down(w);
    w->row[sandbox].state = SANDBOX_STOPPED; /* as if an operator's SQL had ended it */
    w->row[sandbox].ended_as = REASON_ADMIN;
    controller_up(w);
    w->node[node].linked = true;
    UNTIL(w, 5000, stage_gone(w, sandbox));
}

const struct scenario scenarios_nodes[] = {
    SCENARIO("a lost sandbox that was deleted is removed when its node returns",
             a_node_returns_with_a_sandbox_that_was_deleted_meanwhile),
    SCENARIO("the sandboxes of a node that is silent past its lease are lost; when it returns, they are what "
             "it reports",
             a_silent_node_returns),
    SCENARIO("…also where a sandbox is paused", a_silent_node_returns_with_one_that_is_paused),
    SCENARIO("…a lost sandbox ends at its deadline if its node stays away", a_silent_node_stays_away),
    SCENARIO("…or as deleted, if a user deleted it", a_lost_sandbox_is_deleted_and_its_node_stays_away),
    SCENARIO("a sandbox that its node no longer has ends as orphaned", a_node_returns_without_its_sandbox),
    SCENARIO("the sandboxes of an agent do not notice its restart", an_agent_is_restarted),
    SCENARIO("a controller that stood still listens for one lease before it judges a node",
             a_controller_that_stood_still_listens_first),
    SCENARIO("…also before its nodes have connected", a_controller_stands_still_before_its_nodes_came),
    SCENARIO("…and handles what its nodes sent meanwhile", a_controller_stands_still_while_a_lifetime_ends),
    SCENARIO("a new controller gives each node one lease to connect", a_new_controller_waits_for_the_nodes),
    SCENARIO("a desired state is repeated until its node confirms it", what_is_desired_is_lost_on_its_way),
    SCENARIO("a status is repeated until it is acknowledged", what_a_node_says_is_lost_on_its_way),
    SCENARIO("delivery is at least once, effect exactly once", every_message_arrives_twice),
    SCENARIO("a node is told to remove a sandbox that nobody desires", a_node_brings_what_nobody_knows),
    {0}};
