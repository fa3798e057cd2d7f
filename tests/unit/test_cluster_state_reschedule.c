/* A sandbox that its node cannot start, for a reason of the node, is placed on another node: once, and no
 * room is counted twice. */
#include "tests/lib/cluster.h"

#include <stdio.h>

static struct sandbox_row row;

static void join_node(const char *name, const char *region, const char *unhealthy)
{
    struct node_facts facts = {.capacity = {1000, 1000, 1000, 10}};
    snprintf(facts.name, sizeof facts.name, "%s", name);
    snprintf(facts.region, sizeof facts.region, "%s", region);
    snprintf(facts.unhealthy, sizeof facts.unhealthy, "%s", unhealthy);
    cluster_state_session(cluster, 0, &facts, NULL, 0, &effects);
}

/* The sandbox is admitted on h1, the emptiest node, and h1 has begun to start it. */
static void begin(const char *region)
{
    struct place_request wish = {.limits = {.memory_bytes = 600, .cpu_millis = 1, .storage_bytes = 1},
                                 .region = region};
    row = row_of(1, NULL, SANDBOX_PENDING, HOUR_MS);
    row.desired.limits = wish.limits;
    row.node = cluster_state_place(cluster, &row.desired.id, &wish, NULL);
    assert_string_equal(row.node, "h1");
    cluster_state_admitted(cluster, 1, &row, &effects);
    cluster_state_effects_clear(&effects);
}

static int set_up(void **state)
{
    cluster = cluster_state_new(LEASE_MS);
    join_node("h1", "eu", "");
    cluster_state_effects_clear(&effects);
    return 0;
}

static struct sandbox_status failure(bool node_fault)
{
    return (struct sandbox_status){.id = row.desired.id,
                                   .generation = 1,
                                   .number = 3,
                                   .state = SANDBOX_FAILED,
                                   .reason = REASON_START_FAILED,
                                   .detail = "its disk is full",
                                   .node_fault = node_fault};
}

static void fails(const char *node)
{
    struct sandbox_status status = failure(true);
    cluster_state_effects_clear(&effects);
    cluster_state_status(cluster, 5, node, &status, &effects);
}

static uint64_t reserved(const char *node)
{
    const struct node *n = node_table_find(cluster_state_nodes(cluster), node);
    return n->reserved.memory_bytes + n->reserved.sandboxes;
}

static struct sandbox_row moved(void)
{
    struct sandbox_row r = row;
    r.node = "h2";
    r.desired.generation = 2;
    return r;
}

static void assert_moved(void)
{
    struct cluster_state_view view;
    assert_true(cluster_state_find(cluster, &row.desired.id, &view));
    assert_string_equal(view.node, "h2");
    assert_int_equal(reserved("h1"), 0);
    assert_int_equal(reserved("h2"), 601);
}

static void test_another_node_gets_it(void **state)
{
    struct sandbox_row r;
    begin(NULL);
    join_node("h2", "us", "");
    fails("h1");
    assert_null(effect_of(CLUSTER_PERSIST)); /* no user hears of the failure */
    assert_non_null(effect_of(CLUSTER_RESCHEDULE));
    assert_string_equal(effect_of(CLUSTER_RESCHEDULE)->node, "h1");
    assert_string_equal(effect_of(CLUSTER_RESCHEDULE)->reschedule.to, "h2");
    assert_int_equal(effect_of(CLUSTER_RESCHEDULE)->reschedule.generation, 1);
    assert_int_equal(reserved("h2"), 601);
    cluster_state_effects_clear(&effects);
    r = moved();
    cluster_state_rescheduled(cluster, 6, &row.desired.id, CLUSTER_DONE, &r, &effects);
    assert_moved();
    assert_string_equal(effect_of(CLUSTER_ACK)->node, "h1");
    assert_string_equal(effect_of(CLUSTER_DESIRED)->node, "h2");
    assert_int_equal(effect_of(CLUSTER_DESIRED)->desired.generation, 2);
    assert_int_equal(effect_of(CLUSTER_DESIRED)->desired.spec_len, 1);
    fails("h1"); /* a later report of the first node is ignored */
    assert_null(effect_of(CLUSTER_PERSIST));
    struct sandbox_status again = failure(true);
    again.generation = 2;
    cluster_state_status(cluster, 7, "h2", &again, &effects); /* a second failure is final */
    join_node("h3", "us", "");
    assert_non_null(effect_of(CLUSTER_PERSIST));
    assert_int_equal(effect_of(CLUSTER_PERSIST)->move.to, SANDBOX_FAILED);
}

static void assert_fails(const char *node)
{
    fails(node);
    assert_null(effect_of(CLUSTER_RESCHEDULE));
    assert_int_equal(effect_of(CLUSTER_PERSIST)->move.to, SANDBOX_FAILED);
}

static void test_nobody_else_has_room(void **state)
{
    begin("eu");
    join_node("h2", "us", "");
    join_node("h3", "eu", "its last 3 starts failed");
    assert_fails("h1");
    assert_int_equal(reserved("h2") + reserved("h3"), 0);
}

static void test_what_its_node_is_not_to_blame_for(void **state)
{
    struct sandbox_status status;
    begin(NULL);
    join_node("h2", "us", "");
    status = failure(false);
    cluster_state_status(cluster, 5, "h1", &status, &effects);
    assert_null(effect_of(CLUSTER_RESCHEDULE));
    assert_non_null(effect_of(CLUSTER_PERSIST));
}

/* A node that lies or is confused: a sandbox that has run never begins on another node. */
static void test_what_has_run_stays(void **state)
{
    struct sandbox_status status;
    begin(NULL);
    join_node("h2", "us", "");
    status = failure(true);
    status.ran = true;
    cluster_state_status(cluster, 5, "h1", &status, &effects);
    assert_null(effect_of(CLUSTER_RESCHEDULE));
}

static void test_one_that_is_deleted_meanwhile(void **state)
{
    begin(NULL);
    join_node("h2", "us", "");
    fails("h1");
    assert_non_null(effect_of(CLUSTER_RESCHEDULE));
    struct sandbox_row gone = row;
    gone.desired.generation = 2;
    gone.desired.state = DESIRED_GONE;
    gone.desired.reason = REASON_DELETED;
    gone.state = SANDBOX_STOPPING;
    cluster_state_desired(cluster, 6, &gone, &effects);
    cluster_state_effects_clear(&effects);
    cluster_state_rescheduled(cluster, 7, &row.desired.id, CLUSTER_REFUSED, NULL, &effects);
    assert_int_equal(reserved("h2"), 0);
    assert_non_null(effect_of(CLUSTER_PERSIST));
    assert_true(sandbox_state_terminal(effect_of(CLUSTER_PERSIST)->move.to));
}

static void test_the_deletion_came_after(void **state)
{
    begin(NULL);
    join_node("h2", "us", "");
    fails("h1");
    struct sandbox_row gone = moved(), answer = moved();
    gone.desired.generation = 3;
    gone.desired.state = DESIRED_GONE;
    gone.state = SANDBOX_STOPPING;
    cluster_state_effects_clear(&effects);
    cluster_state_desired(cluster, 6, &gone, &effects);
    assert_moved();
    assert_string_equal(effect_of(CLUSTER_DESIRED)->node, "h2");
    cluster_state_effects_clear(&effects);
    cluster_state_rescheduled(cluster, 7, &row.desired.id, CLUSTER_DONE, &answer, &effects);
    assert_moved();
    assert_null(effect_of(CLUSTER_DESIRED));
}

/* The move may be committed: until that is known, neither a report nor the silence of the first node
 * counts. */
static void test_a_lost_answer(void **state)
{
    struct sandbox_row r;
    begin(NULL);
    join_node("h2", "us", "");
    fails("h1");
    cluster_state_rescheduled(cluster, 6, &row.desired.id, CLUSTER_UNKNOWN, NULL, &effects);
    assert_int_equal(reserved("h2"), 601);
    join_node("h1", "eu", ""); /* h1 was restarted and no longer knows the sandbox */
    cluster_state_effects_clear(&effects);
    cluster_state_tick(cluster, 1000, &effects);
    assert_null(effect_of(CLUSTER_PERSIST));
    assert_string_equal(effect_of(CLUSTER_RESCHEDULE)->reschedule.to, "h2"); /* the same node as before */
    assert_int_equal(effect_of(CLUSTER_RESCHEDULE)->reschedule.generation, 1);
    r = moved();
    cluster_state_read(cluster, 1001, cluster_state_stamp(cluster), &r,
                       &effects); /* the reading arrives before the answer */
    assert_moved();
    cluster_state_rescheduled(cluster, 1002, &row.desired.id, CLUSTER_DONE, &r, &effects);
    assert_moved();
}

/* The controller went before it told the new node: a session without the sandbox does not end it. */
static void test_a_new_leader_sends_it_again(void **state)
{
    uint8_t random[10] = {1};
    struct sandbox_row r = {.desired.id = sandbox_id_make(1, random),
                            .node = "h2",
                            .desired.generation = 2,
                            .state = SANDBOX_STARTING,
                            .rescheduled = true,
                            .desired.remaining_ms = HOUR_MS};
    cluster_state_load(cluster, 1, &r);
    join_node("h2", "us", "");
    assert_null(effect_of(CLUSTER_PERSIST));
    assert_string_equal(effect_of(CLUSTER_DESIRED)->node, "h2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_another_node_gets_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_else_has_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_its_node_is_not_to_blame_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_has_run_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_is_deleted_meanwhile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_deletion_came_after, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_lost_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_new_leader_sends_it_again, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
