/* Members of the warm pool, and the sandboxes that take them over. */
#include "tests/sim/scenarios/stage.h"

static size_t ready(const struct world *w)
{
    return cluster_state_warm_stats(w->cluster).ready;
}

static void begin_pool(struct world *w, uint64_t min, uint64_t max)
{
    w->warm.min = min;
    w->warm.max = max;
    UNTIL(w, 15000, ready(w) == SIM_NODES * min);
}

static bool has_members(const struct world *w, int node)
{
    for (int i = 0; i < w->rows; i++) {
        const struct sandbox_model *s = &w->node[node].sandbox[i];
        if (w->row[i].member_node == node && !w->row[i].used && (w->row[i].member || s->container))
            return true;
    }
    return false;
}

/* Of the sandbox of a create. */
static struct sandbox_model *member_of(struct world *w, int sandbox)
{
    return &w->node[w->row[sandbox].member_node].sandbox[sandbox];
}

static bool is_warm(struct world *w, int sandbox)
{
    const struct sandbox_record *record = stage_record(w, sandbox);
    return record && record->warm;
}

static int take(struct world *w)
{
    int sandbox = warm_create(w, 60000);
    EXPECT(w, sandbox >= 0);
    return sandbox;
}

static void expect_started(struct world *w, int sandbox, bool warm)
{
    UNTIL(w, 20000, stage_is(w, sandbox, SANDBOX_RUNNING));
    EXPECT(w, stage_sandbox(w, sandbox)->begun && is_warm(w, sandbox) == warm);
}

/* --- a hand-out --- */

static void a_create_takes_a_member(struct world *w)
{
    begin_pool(w, 1, 4);
    int sandbox = take(w);
    EXPECT(w, w->row[sandbox].member);
    UNTIL(w, 100, w->row[sandbox].used);
    EXPECT(w, !w->row[sandbox].member && stage_is(w, sandbox, SANDBOX_STARTING));
    while (!stage_sandbox(w, sandbox)->begun) {
        EXPECT(w, stage_sandbox(w, sandbox)->container);
        world_step(w);
    }
    expect_started(w, sandbox, true);
    UNTIL(w, 10000, ready(w) >= SIM_NODES);
}

static void nothing_begins_in_a_member_before_the_disk_knows(struct world *w)
{
    begin_pool(w, 1, 4);
    int sandbox = take(w);
    while (!stage_is(w, sandbox, SANDBOX_RUNNING) || !w->row[sandbox].used) {
        const struct sandbox_model *s = member_of(w, sandbox);
        EXPECT(w, !s->begun || (s->saved && !s->record.pooled));
        world_step(w);
    }
}

static void its_agent_dies_before_the_disk_knows(struct world *w)
{
    begin_pool(w, 1, 4);
    int sandbox = take(w), node = w->row[sandbox].member_node;
    UNTIL(w, 1000, member_of(w, sandbox)->handing == HANDING_PREPARES);
    EXPECT(w, member_of(w, sandbox)->record.pooled);
    agent_down(w, node);
    PASS(w, 1000);
    agent_up(w, node);
    UNTIL(w, 5000, stage_is(w, sandbox, SANDBOX_RUNNING));
    EXPECT(w, stage_node(w, sandbox) == node);
}

static void its_agent_dies_before_it_begins(struct world *w)
{
    begin_pool(w, 1, 4);
    int sandbox = take(w), node = w->row[sandbox].member_node;
    UNTIL(w, 1000, member_of(w, sandbox)->handing == HANDING_BEGINS);
    EXPECT(w, !member_of(w, sandbox)->record.pooled && !member_of(w, sandbox)->begun);
    agent_down(w, node);
    PASS(w, 1000);
    agent_up(w, node);
    expect_started(w, sandbox, false);
    EXPECT(w, stage_node(w, sandbox) == node);
}

static void its_agent_dies_after_it_began(struct world *w)
{
    begin_pool(w, 1, 4);
    int sandbox = take(w), node = w->row[sandbox].member_node;
    UNTIL(w, 1000, member_of(w, sandbox)->begun);
    EXPECT(w, member_of(w, sandbox)->record.phase == PHASE_STARTING);
    agent_down(w, node);
    PASS(w, 1000);
    agent_up(w, node);
    HOLDS(w, 1000, member_of(w, sandbox)->runs);
    expect_started(w, sandbox, true);
}

static void a_member_dies_while_it_is_taken(struct world *w)
{
    begin_pool(w, 1, 4);
    w->commit_ms = 3000;
    int sandbox = take(w), node = w->row[sandbox].member_node;
    sandbox_exits(w, node, sandbox);
    UNTIL(w, 2500, !w->node[node].sandbox[sandbox].container);
    expect_started(w, sandbox, false);
    EXPECT(w, stage_node(w, sandbox) == node);
}

static void a_frozen_member_is_taken(struct world *w)
{
    begin_pool(w, 1, 4);
    for (int n = 0; n < SIM_NODES; n++)
        sandbox_frozen(w, n, warm_member(w, n));
    int sandbox = take(w);
    expect_started(w, sandbox, false);
    EXPECT(w, stage_node(w, sandbox) == w->row[sandbox].member_node);
}

static void a_disk_takes_no_record_of_the_hand_out(struct world *w)
{
    begin_pool(w, 1, 4);
    int sandbox = take(w), node = w->row[sandbox].member_node;
    stage_no_disk(w, node, 20000);
    expect_started(w, sandbox, false);
    EXPECT(w, stage_node(w, sandbox) != node && !w->node[node].sandbox[sandbox].begun);
}

static void it_is_deleted_while_docker_hangs_and_it_begins(struct world *w)
{
    begin_pool(w, 1, 4);
    int sandbox = take(w), node = w->row[sandbox].member_node;
    stage_no_docker(w, node, 30000);
    UNTIL(w, 1000, member_of(w, sandbox)->begun);
    struct desired_state gone = {
        .id = w->row[sandbox].id, .generation = 3, .state = DESIRED_GONE, .reason = REASON_DELETED};
    agent_hear_desired(w, node, &gone);
    UNTIL(w, 1000, !member_of(w, sandbox)->runs);
    EXPECT(w, member_of(w, sandbox)->container);
}

/* --- admissions --- */

static void its_controller_dies_before_its_node_is_told(struct world *w)
{
    begin_pool(w, 1, 4);
    int sandbox = take(w);
    UNTIL(w, 100, w->row[sandbox].used);
    controller_down(w);
    PASS(w, 1000);
    EXPECT(w, member_of(w, sandbox)->record.pooled);
    controller_up(w);
    expect_started(w, sandbox, true);
}

static void the_answer_to_its_admission_is_lost(struct world *w)
{
    begin_pool(w, 1, 4);
    w->loses_answers = true;
    int sandbox = take(w);
    UNTIL(w, 100, w->row[sandbox].used);
    w->loses_answers = false;
    expect_started(w, sandbox, true);
}

static void its_admission_is_never_committed(struct world *w)
{
    begin_pool(w, 1, 4);
    w->no_commits = true;
    int sandbox = take(w);
    PASS(w, 100);
    w->no_commits = false;
    HOLDS(w, 1000, warm_create(w, 60000) != sandbox);
    UNTIL(w, 15000, !w->row[sandbox].member && !member_of(w, sandbox)->container);
    EXPECT(w, !w->row[sandbox].used);
}

/* The one that is asked for has members, and is cordoned; its controller does not know that yet. */
static int take_of_cordoned(struct world *w)
{
    begin_pool(w, 1, 4);
    int sandbox = take(w);
    w->node[w->row[sandbox].member_node].cordoned = true;
    w->commit_ms = 2000; /* of the second admission */
    PASS(w, 100);
    EXPECT(w, !w->row[sandbox].used);
    return sandbox;
}

static void its_create_is_placed_on_another_node(struct world *w)
{
    int sandbox = take_of_cordoned(w), node = w->row[sandbox].member_node;
    for (int i = 0; i < SIM_NODES; i++)
        EXPECT(w, warm_create(w, 60000) != sandbox);
    UNTIL(w, 3000, w->row[sandbox].used);
    EXPECT(w, stage_node(w, sandbox) != node);
    expect_started(w, sandbox, false);
    UNTIL(w, 5000, !w->node[node].sandbox[sandbox].container);
}

static void the_answer_from_another_node_is_lost(struct world *w)
{
    int sandbox = take_of_cordoned(w), node = w->row[sandbox].member_node;
    w->loses_answers = true;
    UNTIL(w, 3000, w->row[sandbox].used);
    UNTIL(w, 10000, !w->node[node].sandbox[sandbox].container);
    expect_started(w, sandbox, false);
}

static void it_comes_back_to_the_node_of_its_member(struct world *w)
{
    int sandbox = take_of_cordoned(w), node = w->row[sandbox].member_node;
    w->node[node].cordoned = false;
    stage_no_docker(w, node, 15000); /* the member goes slowly */
    for (int n = 0; n < SIM_NODES; n++) {
        if (n != node)
            stage_no_starts(w, n, 60000);
    }
    UNTIL(w, 3000, w->row[sandbox].used);
    int first = stage_node(w, sandbox);
    EXPECT(w, first != node);
    controller_mark(w, SIM_NODES - node - first, true, false);
    UNTIL(w, 10000, stage_node(w, sandbox) == node);
    UNTIL(w, 40000, stage_is(w, sandbox, SANDBOX_RUNNING));
    HOLDS(w, 5000, stage_sandbox(w, sandbox)->runs);
    EXPECT(w, w->row[sandbox].generation == 3);
}

/* --- nodes --- */

static void its_node_is_lost_before_it_is_told(struct world *w)
{
    begin_pool(w, 1, 4);
    int sandbox = take(w), node = w->row[sandbox].member_node;
    w->node[node].linked = false;
    UNTIL(w, 15000, stage_is(w, sandbox, SANDBOX_LOST));
    w->node[node].linked = true;
    expect_started(w, sandbox, true);
}

static void its_node_returns_after_its_end(struct world *w)
{
    begin_pool(w, 1, 4);
    int sandbox = warm_create(w, 15000), node = w->row[sandbox].member_node;
    w->node[node].linked = false;
    UNTIL(w, 30000, stage_ended(w, sandbox, REASON_NODE_LOST));
    EXPECT(w, w->node[node].sandbox[sandbox].container);
    w->node[node].linked = true;
    UNTIL(w, 10000, stage_gone(w, sandbox));
}

static void a_drained_node_has_no_members(struct world *w)
{
    begin_pool(w, 2, 4);
    controller_mark(w, 1, true, true);
    UNTIL(w, 10000, !has_members(w, 1));
    HOLDS(w, 5000, !has_members(w, 1));
    controller_mark(w, 1, false, false);
    UNTIL(w, 10000, ready(w) == 2 * SIM_NODES);
}

static void a_member_dies_in_the_pool(struct world *w)
{
    begin_pool(w, 1, 4);
    int member = warm_member(w, 0);
    sandbox_exits(w, 0, member);
    UNTIL(w, 5000, !w->row[member].member);
    EXPECT(w, !w->node[0].sandbox[member].container);
    UNTIL(w, 10000, ready(w) == SIM_NODES);
}

static void a_pool_that_became_smaller_shrinks(struct world *w)
{
    controller_mark(w, 1, true, false);
    controller_mark(w, 2, true, false);
    w->warm.min = 3;
    w->warm.max = 4;
    UNTIL(w, 15000, ready(w) == 3);
    for (int i = 0; i < 3; i++)
        take(w);
    w->warm.min = 0;
    UNTIL(w, 15000, ready(w) == 3);
    controller_mark(w, 1, false, false);
    controller_mark(w, 2, false, false);
    w->warm.max = 1;
    UNTIL(w, 20000, ready(w) == 3 && warm_member(w, 1) >= 0 && warm_member(w, 2) >= 0);
}

static void a_controller_dies_before_a_member_is_made(struct world *w)
{
    w->loses = stage_desired_is_told;
    w->warm.min = 1;
    w->warm.max = 4;
    UNTIL(w, 2000, w->rows && w->row[0].member);
    controller_down(w);
    w->loses = NULL;
    controller_up(w);
    UNTIL(w, 5000, !w->row[0].member);
    UNTIL(w, 10000, ready(w) == SIM_NODES);
    EXPECT(w, stage_gone(w, 0));
}

static void ask_for_another_class(struct world *w)
{
    struct place_request request = {.limits = {.memory_bytes = 1, .cpu_millis = 1, .storage_bytes = 1}};
    struct warm_class class = {.image = "another", .storage_bytes = 1};
    struct sandbox_id id;
    for (int i = 0; i < 4; i++) {
        EXPECT(w, !cluster_state_warm_take(w->cluster, w->now, &request, &class, true, &id));
        cluster_state_warm_asked(w->cluster, w->now, &class, "usr");
    }
}

static int of_base(const struct world *w, int node)
{
    int count = 0;
    for (int i = 0; i < w->rows; i++)
        count += w->row[i].member && w->row[i].member_node == node && !w->row[i].of_another_class;
    return count;
}

static void another_class_takes_no_place_of_the_base_image(struct world *w)
{
    controller_mark(w, 1, true, false);
    controller_mark(w, 2, true, false);
    w->warm.max = 4;
    PASS(w, 500);
    ask_for_another_class(w);
    UNTIL(w, 15000, ready(w) == 4);
    w->warm.min = 2;
    UNTIL(w, 15000, ready(w) == 4 && of_base(w, 0) == 2);
    HOLDS(w, 5000, ready(w) == 4);
}

static void agents_die_in_turn_while_members_are_made(struct world *w)
{
    w->warm.min = 2;
    w->warm.max = 4;
    for (int i = 0; i < 12; i++) {
        agent_down(w, i % SIM_NODES);
        PASS(w, 300);
        agent_up(w, i % SIM_NODES);
        PASS(w, 400);
    }
    UNTIL(w, 30000, ready(w) == 2 * SIM_NODES);
}

const struct scenario scenarios_warm[] = {
    SCENARIO("a create takes a member, whose row becomes the sandbox's; its command begins in the member's "
             "container",
             a_create_takes_a_member),
    SCENARIO("nothing begins in a member before the disk knows that it is taken",
             nothing_begins_in_a_member_before_the_disk_knows),
    SCENARIO("…if its agent dies before, it is a member still, and the sandbox begins there later",
             its_agent_dies_before_the_disk_knows),
    SCENARIO("…if its agent dies after it, and nothing has begun, the sandbox is started cold",
             its_agent_dies_before_it_begins),
    SCENARIO("…if its command has begun, it goes on", its_agent_dies_after_it_began),
    SCENARIO("a sandbox whose member died meanwhile is started cold, on the same node",
             a_member_dies_while_it_is_taken),
    SCENARIO("a member that answers nothing is given up after a second, for a cold start",
             a_frozen_member_is_taken),
    SCENARIO("a node whose disk takes no record hands nothing out", a_disk_takes_no_record_of_the_hand_out),
    SCENARIO("what has begun in a member is killed without Docker, if the hand-out is aborted",
             it_is_deleted_while_docker_hangs_and_it_begins),
    SCENARIO("a sandbox that is admitted is handed out by the next controller, if the first dies",
             its_controller_dies_before_its_node_is_told),
    SCENARIO("a member whose admission is not known to be committed waits for a reading",
             the_answer_to_its_admission_is_lost),
    SCENARIO("…and is never handed out again", its_admission_is_never_committed),
    SCENARIO("a create that is placed on another node keeps the member's id, and nobody else gets it; the "
             "member goes",
             its_create_is_placed_on_another_node),
    SCENARIO("…also where the second answer is lost", the_answer_from_another_node_is_lost),
    SCENARIO("…and its sandbox may come to the member's node later", it_comes_back_to_the_node_of_its_member),
    SCENARIO("a node that was lost before it heard of the sandbox still hands the member out",
             its_node_is_lost_before_it_is_told),
    SCENARIO("a node that returns with the member of a sandbox that is over removes it",
             its_node_returns_after_its_end),
    SCENARIO("a drained node has no members", a_drained_node_has_no_members),
    SCENARIO("a member that ended is replaced", a_member_dies_in_the_pool),
    SCENARIO("a pool whose places became fewer shrinks on each node", a_pool_that_became_smaller_shrinks),
    SCENARIO("a member that was not made when its controller died is given up for another",
             a_controller_dies_before_a_member_is_made),
    SCENARIO("no other class takes the places of warm_min", another_class_takes_no_place_of_the_base_image),
    SCENARIO("the pool is full again after faults", agents_die_in_turn_while_members_are_made),
    {0}};
