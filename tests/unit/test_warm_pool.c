/* The controller's warm pool: how many members there are, who takes one over, and every way out of each
 * state. */
#include "tests/lib/warm_cluster.h"

#include <stdio.h>
#include <string.h>

#define MIN      2
#define MAX      6
#define TICKS    20
#define LATER_MS 700000 /* past the ten minutes of demand */

static int set_up(void **state)
{
    return set_up_pool(MIN, MAX);
}

/* Makes all that are needed. Returns how many stand ready then. */
static size_t fill(void)
{
    struct warm_row row;
    for (unsigned i = 0; i < TICKS; i++) {
        cluster_state_warm_tick(cluster, now, &effects);
        while (begin_next(&row)) {
            cluster_state_warm_added(cluster, now, &row.id, true, &effects);
            say_status("n1", &row.id, SANDBOX_RUNNING, 1, true);
        }
    }
    return cluster_state_warm_stats(cluster).ready;
}

static struct sandbox_row row_like(const struct sandbox_id *id, const char *node)
{
    return (struct sandbox_row){.desired = {.id = *id,
                                            .generation = 2,
                                            .state = DESIRED_RUNNING,
                                            .remaining_ms = 3600000,
                                            .spec = (const uint8_t *)"own",
                                            .spec_len = 3},
                                .user = "usr_1",
                                .node = node,
                                .state = SANDBOX_STARTING,
                                .warm = true,
                                .time = ROW_TIME_GIVEN};
}

static void admit(const struct sandbox_id *id)
{
    struct place_request request = asks();
    struct sandbox_row row = row_like(id, "n1");
    struct err e;
    assert_string_equal(cluster_state_place(cluster, id, &request, &e), "n1");
    cluster_state_admitted(cluster, now, &row, &effects);
}

/* --- how many --- */

static void test_the_base_image_has_its_minimum(void **state)
{
    struct warm_row row;
    cluster_state_warm_tick(cluster, now, &effects);
    assert_true(begin_next(&row));
    assert_true(warm_class_same(&row.class, &base));
    assert_false(begin_next(&row)); /* one at a time on a node */
    cluster_state_warm_added(cluster, now, &row.id, true, &effects);
    const struct cluster_state_effect *told = effect_for(CLUSTER_DESIRED, &row.id);
    assert_true(told && told->desired.pooled && told->desired.generation == 1);
    say_status("n1", &row.id, SANDBOX_RUNNING, 1, true);
    assert_non_null(effect_for(CLUSTER_ACK, &row.id));
    assert_int_equal(fill(), MIN);
}

/* Those of a template: though nobody asks, and until it is taken back. */
static void test_a_floor_stands_whatever_is_asked_for(void **state)
{
    const struct warm_floor floors[] = {{other, 2}, {other, 1}};
    struct sandbox_id taken;
    set_policy(0, MAX);
    assert_int_equal(fill(), 0);
    cluster_state_warm_floors(cluster, now, floors, 2);
    assert_int_equal(fill(), 3);
    now += LATER_MS;
    assert_int_equal(fill(), 3);
    assert_true(take(&other, &taken));
    admit(&taken);
    now += LATER_MS; /* the node is not busy with its start any more */
    assert_int_equal(fill(), 3);
    cluster_state_warm_floors(cluster, now, floors, 1);
    now += LATER_MS;
    assert_int_equal(fill(), 2);
    cluster_state_warm_floors(cluster, now, NULL, 0);
    assert_int_equal(fill(), 0);
}

static void test_there_are_as_many_as_are_asked_for_at_once(void **state)
{
    struct sandbox_id id;
    for (int i = 0; i < 4; i++)
        assert_false(take(&other, &id));
    assert_int_equal(fill(), MIN + 4);
    for (int i = 0; i < 20; i++)
        take(&base, &id);
    assert_true(fill() <= MAX);
    now += LATER_MS;
    fill();
    assert_true(cluster_state_warm_stats(cluster).making > 0); /* those that go */
}

static void test_each_class_has_its_share(void **state)
{
    struct sandbox_id id;
    for (int i = 0; i < 50; i++)
        take(&base, &id);
    fill();
    assert_false(take(&other, &id));
    for (unsigned i = 0; i < TICKS; i++) { /* what is surplus goes */
        fill();
        for (size_t n = 0; n < effects.count; n++) {
            const struct cluster_state_effect effect = effects.item[n];
            if (effect.kind == CLUSTER_DESIRED && effect.desired.state == DESIRED_GONE)
                say_status("n1", &effect.id, SANDBOX_STOPPED, effect.desired.generation, true);
            if (effect.kind == CLUSTER_WARM_DROP)
                cluster_state_warm_dropped(cluster, &effect.id, true);
        }
        cluster_state_effects_clear(&effects);
    }
    assert_true(take(&other, &id));
}

static void test_none_is_made_while_a_sandbox_starts(void **state)
{
    struct sandbox_id id = new_id();
    struct place_request request = asks();
    struct warm_row row;
    struct err e;
    assert_non_null(cluster_state_place(cluster, &id, &request, &e));
    cluster_state_warm_tick(cluster, now, &effects);
    assert_false(cluster_state_warm_next(cluster, now, &row));
    cluster_state_refused(cluster, &id);
    cluster_state_warm_tick(cluster, now, &effects);
    assert_true(cluster_state_warm_next(cluster, now, &row));
}

static void test_nodes_that_have_none(void **state)
{
    struct sandbox_id id = make_one();
    cluster_state_node_mark(cluster, "n1", true, false, &effects);
    cluster_state_warm_tick(cluster, now, &effects);
    assert_int_equal(effect_for(CLUSTER_DESIRED, &id)->desired.state, DESIRED_GONE);
    assert_int_equal(fill(), 0);
    cluster_state_node_mark(cluster, "n1", false, false, &effects);
    set_policy(MIN, 0);
    assert_int_equal(fill(), 0);
}

static void test_a_sandbox_comes_first(void **state)
{
    struct sandbox_id member = make_one(), id = new_id();
    struct place_request request = asks();
    struct err e;
    request.limits.memory_bytes = 8 * GIB;
    assert_non_null(cluster_state_place(cluster, &id, &request, &e));
    cluster_state_warm_tick(cluster, now, &effects);
    assert_int_equal(effect_for(CLUSTER_DESIRED, &member)->desired.state, DESIRED_GONE);
}

static void test_a_node_where_they_fail_is_left_alone_for_a_while(void **state)
{
    struct warm_row row;
    cluster_state_warm_tick(cluster, now, &effects);
    assert_true(begin_next(&row));
    cluster_state_warm_added(cluster, now, &row.id, true, &effects);
    say_status("n1", &row.id, SANDBOX_FAILED, 1, true);
    assert_non_null(effect_for(CLUSTER_WARM_DROP, &row.id));
    cluster_state_warm_dropped(cluster, &row.id, true);
    cluster_state_warm_tick(cluster, now, &effects);
    assert_false(cluster_state_warm_next(cluster, now, &row));
    now += 5000;
    cluster_state_warm_tick(cluster, now, &effects);
    assert_true(cluster_state_warm_next(cluster, now, &row));
}

/* --- creates --- */

static void test_a_create_takes_one_over(void **state)
{
    struct sandbox_id member = make_one(), id;
    assert_true(take(&base, &id));
    assert_memory_equal(&id, &member, sizeof id);
    struct sandbox_id again;
    assert_false(take(&base, &again)); /* there was one */
    admit(&id);
    const struct cluster_state_effect *told = effect_for(CLUSTER_DESIRED, &id);
    assert_true(told->desired.generation == 2 && !told->desired.pooled);
    assert_int_equal(cluster_state_warm_stats(cluster).taken, 1);
    effects.count = 0;
    say_status("n1", &id, SANDBOX_RUNNING, 2, false);
    assert_int_equal(effect_for(CLUSTER_PERSIST, &id)->move.to, SANDBOX_RUNNING);
}

static void test_who_takes_none(void **state)
{
    struct place_request request = asks();
    struct sandbox_id id;
    make_one();
    assert_false(cluster_state_warm_take(cluster, now, &request, &base, false, &id));
    request.runtime = "runsc";
    assert_false(cluster_state_warm_take(cluster, now, &request, &base, true, &id));
    request = asks();
    request.region = "elsewhere";
    assert_false(cluster_state_warm_take(cluster, now, &request, &base, true, &id));
    assert_false(take(&other, &id));
    struct warm_stats stats = cluster_state_warm_stats(cluster);
    for (int i = 0; i < WARM_MISS_COUNT; i++)
        assert_int_equal(stats.misses[i], 1);
}

static void test_a_refused_create_gives_it_back(void **state)
{
    struct sandbox_id id, again;
    make_one();
    assert_true(take(&base, &id));
    cluster_state_refused(cluster, &id);
    assert_true(take(&base, &again));
    assert_memory_equal(&id, &again, sizeof id);
}

static void test_one_that_dies_while_it_is_taken(void **state)
{
    struct sandbox_id id;
    make_one();
    assert_true(take(&base, &id));
    say_status("n1", &id, SANDBOX_STOPPED, 1, true);
    assert_null(effect_for(CLUSTER_WARM_DROP, &id)); /* its row is the sandbox's soon */
    admit(&id);
    assert_int_equal(effect_for(CLUSTER_DESIRED, &id)->desired.generation, 2);
}

static void test_one_that_dies_while_it_is_taken_and_comes_back(void **state)
{
    struct sandbox_id again;
    make_one();
    assert_true(take(&base, &again));
    say_status("n1", &again, SANDBOX_STOPPED, 1, true);
    cluster_state_refused(cluster, &again);
    now += 3000;
    cluster_state_warm_tick(cluster, now, &effects);
    assert_non_null(effect_for(CLUSTER_WARM_DROP, &again));
}

static void test_its_node_still_takes_the_sandbox_for_a_member(void **state)
{
    struct sandbox_id id;
    make_one();
    assert_true(take(&base, &id));
    admit(&id);
    effects.count = 0;
    say_status("n1", &id, SANDBOX_RUNNING, 1, true); /* said before it heard of the sandbox */
    assert_null(effect_for(CLUSTER_PERSIST, &id));
    assert_int_equal(effect_for(CLUSTER_DESIRED, &id)->desired.generation, 2);
    struct sandbox_status status = {
        .id = id, .generation = 1, .number = 9, .state = SANDBOX_STOPPED, .pooled = true};
    effects.count = 0;
    begin_session("n1", &status, 1);
    assert_null(effect_for(CLUSTER_PERSIST, &id));
    assert_non_null(effect_for(CLUSTER_ACK, &id));
    assert_int_equal(effect_for(CLUSTER_DESIRED, &id)->desired.generation, 2);
}

/* --- answers that are lost, and readings --- */

static void read_rows(const struct warm_row *rows, size_t count)
{
    uint64_t stamp = cluster_state_stamp(cluster);
    cluster_state_warm_read(cluster, now, stamp, rows, count, &effects);
}

static void test_a_lost_answer_to_an_admission(void **state)
{
    struct sandbox_id id, again;
    make_one();
    assert_true(take(&base, &id));
    cluster_state_warm_unsure(cluster, &id);
    cluster_state_refused(cluster, &id);
    assert_false(take(&base, &again)); /* it may be a sandbox by now */
    struct warm_row row = {.id = id, .node = "n1", .class = base};
    effects.count = 0;
    read_rows(&row, 1); /* it is not; but the admission may still be under way */
    assert_int_equal(effect_for(CLUSTER_DESIRED, &id)->desired.state, DESIRED_GONE);
    assert_false(take(&base, &again));

    make_one();
    assert_true(take(&base, &id));
    cluster_state_warm_unsure(cluster, &id);
    effects.count = 0;
    read_rows(&row, 1); /* its own row is gone: it is a sandbox, which the reading of these takes */
    assert_null(effect_for(CLUSTER_DESIRED, &id));
}

static void test_a_lost_answer_to_a_new_row(void **state)
{
    struct warm_row row;
    cluster_state_warm_tick(cluster, now, &effects);
    assert_true(begin_next(&row));
    cluster_state_warm_added(cluster, now, &row.id, false, &effects);
    assert_null(effect_for(CLUSTER_DESIRED, &row.id));
    now += 3000;
    cluster_state_warm_tick(cluster, now, &effects);
    assert_non_null(effect_for(CLUSTER_WARM_DROP, &row.id));
    cluster_state_warm_dropped(cluster, &row.id, true);
    effects.count = 0;
    read_rows(&row, 1); /* it was written after all */
    assert_int_equal(effect_for(CLUSTER_DESIRED, &row.id)->desired.state, DESIRED_GONE);
}

static void test_rows_that_somebody_deleted(void **state)
{
    struct sandbox_id id = make_one();
    effects.count = 0;
    read_rows(NULL, 0);
    assert_int_equal(effect_for(CLUSTER_DESIRED, &id)->desired.state, DESIRED_GONE);
}

/* --- nodes --- */

static void test_a_node_that_returns_without_it(void **state)
{
    struct sandbox_id id = make_one();
    begin_session("n1", NULL, 0);
    assert_non_null(effect_for(CLUSTER_WARM_DROP, &id));
}

static void test_a_node_that_returns_with_it(void **state)
{
    struct sandbox_id id = make_one(), taken;
    struct sandbox_status status = {
        .id = id, .generation = 1, .number = 7, .state = SANDBOX_RUNNING, .pooled = true};
    cluster_state_node_gone(cluster, now, "n1", &effects);
    assert_false(take(&base, &taken));
    begin_session("n1", &status, 1);
    assert_true(take(&base, &taken));
}

static void test_a_new_leader_takes_them_up(void **state)
{
    struct sandbox_id id = new_id(), taken;
    struct warm_row row = {.id = id, .node = "n2", .class = base};
    struct sandbox_status status = {
        .id = id, .generation = 1, .number = 7, .state = SANDBOX_RUNNING, .pooled = true};
    cluster_state_warm_load(cluster, now, &row, (const uint8_t *)"spec", 4);
    assert_false(take(&base, &taken));
    begin_session("n2", &status, 1);
    assert_true(take(&base, &taken));
    assert_memory_equal(&taken, &id, sizeof id);
}

static void test_one_that_the_node_has_and_nobody_knows(void **state)
{
    struct sandbox_id id = new_id();
    say_status("n1", &id, SANDBOX_RUNNING, 1, true);
    assert_int_equal(effect_for(CLUSTER_DESIRED, &id)->desired.state, DESIRED_GONE);
}

static void test_it_is_placed_elsewhere(void **state)
{
    struct place_request request = asks();
    struct sandbox_id id;
    struct err e;
    make_one();
    begin_session("n2", NULL, 0);
    assert_true(take(&base, &id));
    request.other_than = "n1";
    assert_string_equal(cluster_state_place(cluster, &id, &request, &e), "n2");
    struct sandbox_row row = row_like(&id, "n2");
    row.state = SANDBOX_PENDING;
    effects.count = 0;
    cluster_state_admitted(cluster, now, &row, &effects);
    bool gone_from_n1 = false, told_n2 = false;
    for (size_t i = 0; i < effects.count; i++) {
        const struct cluster_state_effect *effect = &effects.item[i];
        bool desired = effect->kind == CLUSTER_DESIRED;
        gone_from_n1 |= desired && !strcmp(effect->node, "n1") && effect->desired.state == DESIRED_GONE;
        told_n2 |= desired && !strcmp(effect->node, "n2") && effect->desired.state == DESIRED_RUNNING;
    }
    assert_true(gone_from_n1 && told_n2);
    say_status("n1", &id, SANDBOX_STOPPED, 2, true); /* n1's: it is not the sandbox's end */
    struct cluster_state_view view;
    assert_true(cluster_state_find(cluster, &id, &view) && view.state == SANDBOX_PENDING);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        EACH(test_the_base_image_has_its_minimum),
        EACH(test_a_floor_stands_whatever_is_asked_for),
        EACH(test_there_are_as_many_as_are_asked_for_at_once),
        EACH(test_each_class_has_its_share),
        EACH(test_none_is_made_while_a_sandbox_starts),
        EACH(test_nodes_that_have_none),
        EACH(test_a_sandbox_comes_first),
        EACH(test_a_node_where_they_fail_is_left_alone_for_a_while),
        EACH(test_a_create_takes_one_over),
        EACH(test_who_takes_none),
        EACH(test_a_refused_create_gives_it_back),
        EACH(test_one_that_dies_while_it_is_taken),
        EACH(test_one_that_dies_while_it_is_taken_and_comes_back),
        EACH(test_its_node_still_takes_the_sandbox_for_a_member),
        EACH(test_a_lost_answer_to_an_admission),
        EACH(test_a_lost_answer_to_a_new_row),
        EACH(test_rows_that_somebody_deleted),
        EACH(test_a_node_that_returns_without_it),
        EACH(test_a_node_that_returns_with_it),
        EACH(test_a_new_leader_takes_them_up),
        EACH(test_one_that_the_node_has_and_nobody_knows),
        EACH(test_it_is_placed_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
