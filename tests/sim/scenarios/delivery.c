/*
 * What lies between the cores: updates that are told again, the order in which things arrive, sessions that
 * end. The cores repeat what is not answered within 2 s; each of these is over long before that.
 */
#include "tests/sim/scenarios/stage.h"

#define PROMPT_MS 1000 /* that a connection is made again, and a message goes there and back */

static bool knows(struct world *w, int sandbox)
{
    const struct sandbox_record *record = stage_record(w, sandbox);
    return record && record->generation == w->row[sandbox].generation;
}

static size_t violations_stored(const struct world *w, int sandbox)
{
    size_t stored = 0;
    for (size_t i = 0; i < w->facts; i++)
        stored += w->fact[i].sandbox == sandbox && !w->fact[i].sample && w->fact[i].stored;
    return stored;
}

static void an_update_is_lost(struct world *w)
{
    w->loses = stage_desired_is_told;
    int sandbox = controller_create(w, 60000);
    HOLDS(w, 400, !stage_record(w, sandbox));
    w->loses = NULL;
    UNTIL(w, PROMPT_MS, knows(w, sandbox));
}

static void an_acknowledgement_is_lost(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    w->loses = stage_ack_is_told;
    sandbox_exits(w, stage_node(w, sandbox), sandbox);
    UNTIL(w, 3000, stage_is(w, sandbox, SANDBOX_STOPPED));
    HOLDS(w, 200, stage_sandbox(w, sandbox)->saved);
    w->loses = NULL;
    UNTIL(w, PROMPT_MS, stage_gone(w, sandbox));
}

static void a_commit_is_lost(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    w->loses = stage_commit_is_told;
    w->memory_percent = 92;
    UNTIL(w, 3000, w->row[sandbox].level[VIOLATION_MEMORY] == VIOLATION_WARNING);
    HOLDS(w, 400, outbox_stats(stage_node_model(w, sandbox)->outbox).violations);
    w->loses = NULL;
    UNTIL(w, PROMPT_MS, !outbox_stats(stage_node_model(w, sandbox)->outbox).violations);
}

static void a_report_is_lost_with_its_session(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    w->loses = stage_violation_is_told;
    w->memory_percent = 92;
    UNTIL(w, 3000, outbox_stats(stage_node_model(w, sandbox)->outbox).violations);
    HOLDS(w, 300, !violations_stored(w, sandbox));
    w->loses = NULL;
    uplink_renew(stage_node_model(w, sandbox)->uplink);
    UNTIL(w, PROMPT_MS, violations_stored(w, sandbox));
}

static void the_desired_state_changes_while_an_update_is_lost(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    w->loses = stage_desired_is_told;
    controller_pause(w, sandbox, true);
    PASS(w, 150);
    controller_resize(w, sandbox, 2);
    PASS(w, 150);
    controller_delete(w, sandbox);
    HOLDS(w, 150, !knows(w, sandbox));
    w->loses = NULL;
    UNTIL(w, PROMPT_MS, knows(w, sandbox));
    EXPECT(w, stage_record(w, sandbox)->generation == 4);
}

static void a_pause_waits_for_a_new_session(struct world *w)
{
    w->loses = stage_ack_is_told;
    int sandbox = stage_running(w, 60000);
    struct node_model *model = stage_node_model(w, sandbox);
    unsigned before = model->session;
    model->linked = false;
    controller_pause(w, sandbox, true);
    UNTIL(w, 10000, !model->session);
    w->loses = NULL;
    model->linked = true;
    UNTIL(w, 10000, model->session > before);
    UNTIL(w, PROMPT_MS, knows(w, sandbox));
}

static void it_ends_while_its_disk_is_slow(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    w->outbox_write_ms = 400;
    w->memory_percent = 97;
    UNTIL(w, 3000, outbox_stats(stage_node_model(w, sandbox)->outbox).violations);
    sandbox_exits(w, stage_node(w, sandbox), sandbox);
    UNTIL(w, 2500, !stage_is(w, sandbox, SANDBOX_RUNNING));
    EXPECT(w, violations_stored(w, sandbox));
    w->outbox_write_ms = 0;
}

static void it_ends_while_its_disk_hangs(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    w->outbox_write_ms = 10000;
    w->memory_percent = 97;
    UNTIL(w, 3000, outbox_stats(stage_node_model(w, sandbox)->outbox).violations);
    sandbox_exits(w, stage_node(w, sandbox), sandbox);
    UNTIL(w, 1500, !stage_is(w, sandbox, SANDBOX_RUNNING));
    EXPECT(w, !violations_stored(w, sandbox));
    w->outbox_write_ms = 0;
}

static void what_is_desired_lies_in_the_network(struct world *w)
{
    int sandbox = controller_create(w, 60000);
    struct node_model *model = stage_node_model(w, sandbox);
    unsigned before = model->session;
    model->linked = false;
    PASS(w, 1200); /* the core repeats what is not answered after 2 s */
    model->linked = true;
    UNTIL(w, 3000, stage_is(w, sandbox, SANDBOX_RUNNING));
    PASS(w, PROMPT_MS);
    EXPECT(w, model->session == before);
    EXPECT(w, stage_record(w, sandbox)->deadline_ms < w->row[sandbox].deadline_ms + 600);
}

static void a_short_interruption_is_no_new_session(struct world *w)
{
    int sandbox = stage_running(w, 60000);
    struct node_model *model = stage_node_model(w, sandbox);
    unsigned before = model->session;
    model->linked = false;
    PASS(w, 3000);
    model->linked = true;
    HOLDS(w, 30000, model->session == before && stage_is(w, sandbox, SANDBOX_RUNNING));
}

static void a_controller_is_restarted(struct world *w)
{
    int sandbox = stage_running(w, 120000), node = stage_node(w, sandbox);
    controller_down(w);
    PASS(w, 1000);
    controller_up(w);
    UNTIL(w, SIM_LEASE_MS, node_link_stats(w->link).sessions == SIM_NODES);
    controller_pause(w, sandbox, true);
    UNTIL(w, PROMPT_MS, stage_is(w, sandbox, SANDBOX_PAUSED));
    EXPECT(w, outbox_epoch(w->node[node].outbox) == w->incarnation);
}

static void an_agent_is_restarted_while_its_old_session_stands(struct world *w)
{
    int sandbox = stage_running(w, 120000), node = stage_node(w, sandbox);
    agent_down(w, node);
    agent_up(w, node);
    UNTIL(w, 5000, w->node[node].session);
    EXPECT(w, node_link_stats(w->link).sessions == SIM_NODES);
    controller_pause(w, sandbox, true);
    UNTIL(w, PROMPT_MS, stage_is(w, sandbox, SANDBOX_PAUSED));
}

const struct scenario scenarios_delivery[] = {
    SCENARIO("what a lost update carried is told again at once", an_update_is_lost),
    SCENARIO("…also an acknowledgement", an_acknowledgement_is_lost),
    SCENARIO("…also that violations are committed", a_commit_is_lost),
    SCENARIO("a new session begins with all that is not acknowledged", a_report_is_lost_with_its_session),
    SCENARIO("of each sandbox the newest desired state is told, and only that",
             the_desired_state_changes_while_an_update_is_lost),
    SCENARIO("what was desired meanwhile comes with the new session", a_pause_waits_for_a_new_session),
    SCENARIO("why a sandbox ends is told before its end", it_ends_while_its_disk_is_slow),
    SCENARIO("…but its end does not wait for that for ever", it_ends_while_its_disk_hangs),
    SCENARIO("a deadline is not later by what its desired state lay in the network",
             what_is_desired_lies_in_the_network),
    SCENARIO("a session outlives a network that is away for less than its reports wait",
             a_short_interruption_is_no_new_session),
    SCENARIO("nodes find a restarted controller within a lease, and keep its epoch",
             a_controller_is_restarted),
    SCENARIO("a restarted agent replaces its session, whose connections are closed",
             an_agent_is_restarted_while_its_old_session_stands),
    {0}};
