/* What the simulation does not reach, such as rows that the cluster state was not told of. */
#include "tests/lib/cluster.h"

#include <stdio.h>

static struct sandbox_row running_row(const char *node)
{
    return row_of(1, node, SANDBOX_RUNNING, HOUR_MS);
}

static int set_up(void **state)
{
    struct node_facts facts = {.name = "h1"};
    cluster = cluster_state_new(LEASE_MS);
    cluster_state_session(cluster, 0, &facts, NULL, 0, &effects);
    cluster_state_effects_clear(&effects);
    return 0;
}

static void test_a_running_row_is_not_made_again(void **state)
{
    struct sandbox_row row = running_row("h1");
    cluster_state_read(cluster, 5, cluster_state_stamp(cluster), &row, &effects);
    assert_null(effect_of(CLUSTER_DESIRED));
    assert_non_null(effect_of(CLUSTER_PERSIST));
    assert_int_equal(effect_of(CLUSTER_PERSIST)->move.status.reason, REASON_ORPHANED);
}

/* The sandbox that took it over may not be known here yet: its node has to be able to start that. */
static void test_an_unknown_member_goes_as_a_member(void **state)
{
    struct sandbox_row row = running_row("h1");
    struct sandbox_status member = {
        .id = row.desired.id, .generation = 1, .number = 3, .state = SANDBOX_RUNNING, .pooled = true};
    for (int pooled = 0; pooled <= 1; pooled++) {
        member.pooled = pooled;
        cluster_state_effects_clear(&effects);
        cluster_state_status(cluster, 5, "h1", &member, &effects);
        const struct desired_state *desired = &effect_of(CLUSTER_DESIRED)->desired;
        assert_true(desired->state == DESIRED_GONE && desired->pooled == pooled);
    }
}

/* Its admission is answered late, after its node reported it and came back without it: it is not sent a
 * second time. */
static void test_a_late_admission_of_what_has_vanished(void **state)
{
    struct sandbox_row row = running_row("h1");
    struct node_facts facts = {.name = "h1"};
    struct sandbox_status runs = {
        .id = row.desired.id, .generation = 1, .number = 3, .state = SANDBOX_RUNNING};
    cluster_state_load(cluster, 5, &row);
    cluster_state_session(cluster, 6, &facts, &runs, 1, &effects);
    cluster_state_session(cluster, 7, &facts, NULL, 0, &effects);
    cluster_state_effects_clear(&effects);
    cluster_state_admitted(cluster, 8, &row, &effects);
    assert_null(effect_of(CLUSTER_DESIRED));
}

static void test_a_row_of_a_node_that_never_comes(void **state)
{
    struct sandbox_row row = running_row("h9");
    cluster_state_read(cluster, 5, cluster_state_stamp(cluster), &row, &effects);
    cluster_state_tick(cluster, LEASE_MS + 5, &effects);
    assert_non_null(effect_of(CLUSTER_PERSIST));
    assert_int_equal(effect_of(CLUSTER_PERSIST)->move.to, SANDBOX_LOST);
}

/* A node without sandboxes is reported as gone too: otherwise its row would stay "ready" for ever. */
static void test_a_node_of_a_row_that_never_comes(void **state)
{
    cluster_state_tick(cluster, 5, &effects);
    cluster_state_node_expected(cluster, 5, "h9");
    for (uint64_t now = 1000; now <= LEASE_MS; now += 1000)
        cluster_state_tick(cluster, now, &effects);
    assert_null(effect_of(CLUSTER_NODE));
    cluster_state_tick(cluster, LEASE_MS + 5, &effects);
    assert_non_null(effect_of(CLUSTER_NODE));
    assert_string_equal(effect_of(CLUSTER_NODE)->node, "h9");
    assert_int_equal(effect_of(CLUSTER_NODE)->node_state, NODE_UNREACHABLE);
}

/* "Lost" may be committed though its answer was lost; the node that is back reports the state that the memory
 * still has. */
static void test_a_commit_without_an_answer_is_asked_about(void **state)
{
    struct sandbox_row row = running_row("h1");
    struct node_facts facts = {.name = "h1"};
    struct sandbox_status runs = {
        .id = row.desired.id, .generation = 1, .number = 3, .state = SANDBOX_RUNNING};
    cluster_state_load(cluster, 5, &row);
    cluster_state_session(cluster, 7, &facts, &runs, 1, &effects);
    cluster_state_node_gone(cluster, 8, "h1", &effects);
    cluster_state_effects_clear(&effects);
    cluster_state_tick(cluster, 9, &effects);
    cluster_state_persisted(cluster, 10, &row.desired.id, false, SANDBOX_RUNNING, &effects);
    cluster_state_effects_clear(&effects);
    cluster_state_session(cluster, 11, &facts, &runs, 1, &effects);
    cluster_state_tick(cluster, HOUR_MS / 2, &effects);
    assert_non_null(effect_of(CLUSTER_PERSIST));
    assert_int_equal(effect_of(CLUSTER_PERSIST)->move.to, SANDBOX_RUNNING);
    cluster_state_persisted(cluster, HOUR_MS / 2, &row.desired.id, true, SANDBOX_RUNNING, &effects);
    cluster_state_effects_clear(&effects);
    cluster_state_tick(cluster, HOUR_MS / 2 + 1, &effects);
    assert_null(effect_of(CLUSTER_PERSIST));
}

/* It ran between two pauses by its node, and the controller never heard of that: the second pause becomes the
 * desired state too, once. */
static void test_a_second_pause_of_its_node_is_desired(void **state)
{
    struct sandbox_row row = running_row("h1");
    struct sandbox_status idle = {
        .id = row.desired.id, .generation = 2, .number = 9, .state = SANDBOX_PAUSED, .reason = REASON_IDLE};
    row.desired.generation = 2;
    row.state = SANDBOX_PAUSED;
    cluster_state_load(cluster, 5, &row);
    cluster_state_status(cluster, 6, "h1", &idle, &effects);
    assert_non_null(effect_of(CLUSTER_PERSIST));
    assert_int_equal(effect_of(CLUSTER_PERSIST)->move.status.reason, REASON_IDLE);
    assert_int_equal(effect_of(CLUSTER_PERSIST)->move.status.generation, 2);
    cluster_state_effects_clear(&effects);
    cluster_state_persisted(cluster, 7, &row.desired.id, true, SANDBOX_PAUSED, &effects);
    assert_null(effect_of(CLUSTER_PERSIST));
    assert_non_null(effect_of(CLUSTER_ACK));
}

/* A whole rack fails at once: all of its nodes are found in the same step. */
static void test_two_hundred_nodes_that_never_come(void **state)
{
    size_t lost = 0;
    for (int i = 0; i < 200; i++) {
        uint8_t random[10] = {2};
        char name[16];
        snprintf(name, sizeof name, "rack-%d", i);
        struct sandbox_row row = running_row(name);
        row.desired.id = sandbox_id_make((uint64_t)i, random);
        cluster_state_load(cluster, 5, &row);
    }
    for (uint64_t now = 1000; now <= LEASE_MS; now += 1000)
        cluster_state_tick(cluster, now, &effects);
    cluster_state_effects_clear(&effects);
    cluster_state_tick(cluster, LEASE_MS + 5, &effects);
    for (size_t i = 0; i < effects.count; i++)
        lost += effects.item[i].kind == CLUSTER_PERSIST && effects.item[i].move.to == SANDBOX_LOST;
    assert_int_equal(lost, 200);
}

/* A controller that stood still listens for one lease: what its nodes sent meanwhile is not read yet. */
static void test_a_controller_that_stood_still_listens_first(void **state)
{
    struct sandbox_row row = running_row("h9"), lost = running_row("h1");
    uint8_t random[10] = {3};
    uint64_t back = 60000;
    lost.desired.id = sandbox_id_make(3, random);
    lost.desired.remaining_ms = 20000;
    cluster_state_load(cluster, 5, &row);
    cluster_state_load(cluster, 5, &lost);
    cluster_state_node_gone(cluster, 6, "h1", &effects);
    cluster_state_persisted(cluster, 7, &lost.desired.id, true, SANDBOX_LOST, &effects);
    cluster_state_tick(cluster, 1000, &effects);
    cluster_state_effects_clear(&effects);
    for (uint64_t now = back; now < back + LEASE_MS; now += 1000) {
        cluster_state_tick(cluster, now, &effects);
        assert_null(effect_of(CLUSTER_PERSIST));
    }
    cluster_state_tick(cluster, back + LEASE_MS, &effects);
    size_t moves = 0;
    for (size_t i = 0; i < effects.count; i++)
        moves += effects.item[i].kind == CLUSTER_PERSIST;
    assert_int_equal(moves, 2);
}

/* An effect for an old session is not sent in the next one, even if it had not been run yet. */
static void test_a_session_drops_what_was_for_the_one_before(void **state)
{
    struct node_facts facts = {.name = "h1"}, other = {.name = "h2"};
    struct sandbox_row row = running_row("h1");
    struct sandbox_status ended = {
        .id = row.desired.id, .number = 3, .state = SANDBOX_STOPPED, .reason = REASON_EXITED};
    cluster_state_session(cluster, 1, &other, NULL, 0, &effects);
    cluster_state_status(cluster, 2, "h1", &ended, &effects);
    cluster_state_status(cluster, 2, "h2", &ended, &effects);
    assert_string_equal(effect_of(CLUSTER_ACK)->node, "h1");
    cluster_state_session(cluster, 3, &facts, NULL, 0, &effects);
    assert_string_equal(effect_of(CLUSTER_ACK)->node, "h2");
    assert_non_null(effect_of(CLUSTER_NODE));
}

static void test_effects_count_time_until_they_are_carried_out(void **state)
{
    struct sandbox_row row = running_row("h1");
    struct sandbox_status ended = {
        .id = row.desired.id, .number = 3, .state = SANDBOX_STOPPED, .reason = REASON_EXITED, .ran = true};
    struct cluster_state_effect effect;
    row.state = SANDBOX_PENDING;
    cluster_state_read(cluster, 5, cluster_state_stamp(cluster), &row, &effects);
    effect = *effect_of(CLUSTER_DESIRED);
    cluster_state_effect_as_of(&effect, 105);
    cluster_state_effect_as_of(&effect, 105); /* the second call changes nothing */
    assert_int_equal(effect.desired.remaining_ms, HOUR_MS - 100);
    cluster_state_effect_as_of(&effect, 2 * HOUR_MS);
    assert_int_equal(effect.desired.remaining_ms, 0);
    ended.ended_ago_ms = 10;
    cluster_state_status(cluster, 200, "h1", &ended, &effects);
    effect = *effect_of(CLUSTER_PERSIST);
    cluster_state_effect_as_of(&effect, 230);
    assert_int_equal(effect.move.status.ended_ago_ms, 40);
}

/* An effect that runs after the sandbox ended finds no spec to send. */
static void test_an_ended_sandbox_has_no_spec(void **state)
{
    struct sandbox_row row = running_row("h1");
    size_t len;
    row.state = SANDBOX_PENDING;
    cluster_state_read(cluster, 5, cluster_state_stamp(cluster), &row, &effects);
    assert_non_null(effect_of(CLUSTER_DESIRED)->desired.spec);
    assert_memory_equal(cluster_state_spec(cluster, &row.desired.id, &len), "s", 1);
    assert_int_equal(len, 1);
    row.state = SANDBOX_STOPPED;
    row.desired.generation++;
    cluster_state_desired(cluster, 6, &row, &effects);
    assert_null(cluster_state_spec(cluster, &row.desired.id, &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_session_drops_what_was_for_the_one_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_effects_count_time_until_they_are_carried_out, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_an_ended_sandbox_has_no_spec, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_running_row_is_not_made_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_row_of_a_node_that_never_comes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_node_of_a_row_that_never_comes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_unknown_member_goes_as_a_member, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_late_admission_of_what_has_vanished, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_commit_without_an_answer_is_asked_about, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_second_pause_of_its_node_is_desired, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_hundred_nodes_that_never_come, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_controller_that_stood_still_listens_first, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
