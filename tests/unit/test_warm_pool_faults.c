/* The controller's warm pool when something is wrong: a refused node, images that make no member, a tenant
 * that asks for much, nodes that are silent or gone. */
#include "tests/lib/warm_cluster.h"

#include <stdio.h>
#include <string.h>

static int set_up(void **state)
{
    return set_up_pool(1, 6);
}

static void say(const char *node, const struct sandbox_id *id, enum sandbox_state state)
{
    say_status(node, id, state, 1, true);
}

/* Begins the next member that is needed, and writes its row. False: none is. */
static bool add_next(struct warm_row *row)
{
    bool begun = begin_next(row);
    if (begun)
        cluster_state_warm_added(cluster, now, &row->id, true, &effects);
    return begun;
}

/* --- one id, one sandbox --- */

static void test_a_create_whose_node_is_refused_keeps_its_id(void **state)
{
    struct place_request request = asks();
    struct sandbox_id id, again;
    struct err e;
    make_one();
    assert_true(take(&base, &id));
    assert_string_equal(cluster_state_place(cluster, &id, &request, &e), "n1");
    begin_session("n2", NULL, 0);
    cluster_state_unplaced(cluster, &id); /* the database knows that n1 is cordoned, or full */
    request.other_than = "n1";
    assert_string_equal(cluster_state_place(cluster, &id, &request, &e), "n2");
    assert_false(take(&base, &again)); /* while that is admitted, nobody else gets the id */
    struct sandbox_row row = {
        .desired = {.id = id, .generation = 2, .state = DESIRED_RUNNING, .remaining_ms = 3600000},
        .user = "usr_1",
        .node = "n2",
        .time = ROW_TIME_GIVEN};
    cluster_state_admitted(cluster, now, &row, &effects);
    assert_false(take(&base, &again));
    say("n1", &id, SANDBOX_STOPPED);
    assert_non_null(effect_for(CLUSTER_WARM_DROP, &id));
}

static void test_a_create_that_is_refused_twice_gives_the_member_back(void **state)
{
    struct place_request request = asks();
    struct sandbox_id id, again;
    struct err e;
    make_one();
    assert_true(take(&base, &id));
    assert_non_null(cluster_state_place(cluster, &id, &request, &e));
    cluster_state_unplaced(cluster, &id);
    request.other_than = "n1";
    assert_null(cluster_state_place(cluster, &id, &request, &e));
    cluster_state_refused(cluster, &id);
    assert_true(take(&base, &again));
    assert_memory_equal(&id, &again, sizeof id);
}

static void test_the_id_of_a_live_sandbox_is_not_placed(void **state)
{
    struct place_request request = asks();
    struct cluster_state_view view;
    struct sandbox_id id = sandbox_id_make(1, (uint8_t[10]){2, 1});
    struct sandbox_row row = {
        .desired = {.id = id, .generation = 1, .state = DESIRED_RUNNING, .remaining_ms = 3600000},
        .user = "usr_1",
        .node = "n1",
        .time = ROW_TIME_GIVEN};
    struct err e;
    assert_non_null(cluster_state_place(cluster, &id, &request, &e));
    cluster_state_admitted(cluster, now, &row, &effects);
    begin_session("n2", NULL, 0);
    request.other_than = "n1";
    assert_null(cluster_state_place(cluster, &id, &request, &e));
    assert_int_equal(e.code, ERR_NO_CAPACITY);
    cluster_state_refused(cluster, &id);
    assert_true(cluster_state_find(cluster, &id, &view));
    assert_string_equal(view.node, "n1");
}

/* The answer to its admission was lost, and the reading of the sandboxes comes after that of the members. */
static void test_a_member_that_nobody_knows_goes_as_a_member(void **state)
{
    struct sandbox_id id;
    make_one();
    assert_true(take(&base, &id));
    cluster_state_warm_unsure(cluster, &id);
    cluster_state_refused(cluster, &id);
    cluster_state_warm_read(cluster, now, cluster_state_stamp(cluster), NULL, 0, &effects);
    effects.count = 0;
    say("n1", &id, SANDBOX_RUNNING);
    assert_null(effect_for(CLUSTER_DESIRED, &id)); /* a sandbox of this id may just be read */
    cluster_state_warm_read(cluster, now, cluster_state_stamp(cluster), NULL, 0, &effects);
    const struct cluster_state_effect *told = effect_for(CLUSTER_DESIRED, &id);
    assert_true(told && told->desired.state == DESIRED_GONE && told->desired.pooled);
}

/* --- classes that make no member --- */

static void test_an_image_that_makes_no_member_holds_up_its_own_class_only(void **state)
{
    struct sandbox_id id;
    struct warm_row row;
    make_one();
    assert_false(take(&other, &id));
    for (int i = 0; i < 6; i++) { /* it is not on the node, or its files do not fit */
        cluster_state_warm_tick(cluster, now, &effects);
        assert_true(add_next(&row));
        assert_true(warm_class_same(&row.class, &other));
        say("n1", &row.id, SANDBOX_FAILED);
        cluster_state_warm_dropped(cluster, &row.id, true);
        cluster_state_warm_tick(cluster, now, &effects);
        assert_false(add_next(&row));
        now += 5000ull << i;
    }
    cluster_state_warm_tick(cluster, now, &effects);
    assert_true(add_next(&row));
    say("n1", &row.id, SANDBOX_FAILED);
    cluster_state_warm_dropped(cluster, &row.id, true);
    assert_true(take(&base, &id));
    cluster_state_warm_tick(cluster, now, &effects);
    assert_true(add_next(&row)); /* at once */
    assert_true(warm_class_same(&row.class, &base));
}

static void test_another_base_image_does_not_wait_for_the_one_before(void **state)
{
    struct warm_policy policy = {.base = other, .min = 1, .max = 6};
    struct warm_row row;
    cluster_state_warm_tick(cluster, now, &effects);
    assert_true(add_next(&row));
    say("n1", &row.id, SANDBOX_FAILED);
    cluster_state_warm_dropped(cluster, &row.id, true);
    cluster_state_warm_policy(cluster, &policy);
    cluster_state_warm_tick(cluster, now, &effects);
    assert_true(add_next(&row));
}

static void test_members_that_end_soon_after_they_were_made(void **state)
{
    struct warm_row row;
    struct sandbox_id id = make_one();
    say("n1", &id, SANDBOX_STOPPED);
    cluster_state_warm_dropped(cluster, &id, true);
    cluster_state_warm_tick(cluster, now, &effects);
    assert_false(add_next(&row));
    now += 5000;
    id = make_one();
    now += 60000;
    say("n1", &id, SANDBOX_STOPPED);
    cluster_state_warm_dropped(cluster, &id, true);
    make_one();
}

/* --- tenants --- */

static void ask(const char *image, const char *user, unsigned times)
{
    struct warm_class class = {.storage_bytes = GIB};
    snprintf(class.image, sizeof class.image, "%s", image);
    while (times--)
        cluster_state_warm_asked(cluster, now, &class, user);
}

static void test_a_create_that_is_not_admitted_asks_for_no_member(void **state)
{
    struct place_request request = asks();
    struct sandbox_id id;
    struct warm_row row;
    set_policy(0, 6);
    assert_false(cluster_state_warm_take(cluster, now, &request, &other, true, &id));
    cluster_state_warm_tick(cluster, now, &effects);
    assert_false(cluster_state_warm_next(cluster, now, &row));
}

static void test_one_user_does_not_fill_the_table_of_classes(void **state)
{
    struct warm_demand demand = {0};
    struct warm_class class = {.storage_bytes = GIB};
    warm_demand_note(&demand, now, &base, "usr_1");
    warm_demand_note(&demand, now, &other, "usr_2");
    now += WARM_WINDOW_MS;
    for (uint64_t i = 0; i < 100; i++) {
        class.shm_bytes = i;
        warm_demand_note(&demand, now, &class, "usr_3");
    }
    assert_int_equal(warm_demand_peak(warm_demand_find(&demand, &base), now), 1);
    assert_int_equal(warm_demand_peak(warm_demand_find(&demand, &other), now), 1);
    assert_int_equal(warm_demand_peak(warm_demand_find(&demand, &class), now), 1);
}

static void test_classes_take_turns(void **state)
{
    struct warm_row row;
    set_policy(0, 32);
    ask("docker.io/library/much:1", "usr_1", 30);
    ask("docker.io/library/little:1", "usr_2", 2);
    for (int i = 0; i < 4; i++) {
        cluster_state_warm_tick(cluster, now, &effects);
        assert_true(add_next(&row));
        assert_int_equal(strstr(row.class.image, "little") != NULL, i % 2);
        say("n1", &row.id, SANDBOX_RUNNING);
        now++;
    }
}

static void test_more_open_files_than_a_member_can_have(void **state)
{
    struct place_request request = asks();
    struct sandbox_id id;
    make_one();
    request.limits.nofile = 16385;
    assert_false(cluster_state_warm_take(cluster, now, &request, &base, true, &id));
    request.limits.nofile = 16384;
    assert_true(cluster_state_warm_take(cluster, now, &request, &base, true, &id));
}

static void test_who_asks_for_much_leaves_others_what_they_ask_for(void **state)
{
    size_t much = 0, little = 0;
    struct warm_row row;
    set_policy(0, 32);
    ask("docker.io/library/much:1", "usr_1", 1000);
    ask("docker.io/library/little:1", "usr_2", 8);
    for (;;) {
        cluster_state_warm_tick(cluster, now, &effects);
        if (!add_next(&row))
            break;
        say(row.node, &row.id, SANDBOX_RUNNING);
        if (strstr(row.class.image, "little"))
            little++;
        else
            much++;
    }
    assert_int_equal(little, 8);
    assert_int_equal(much, 24);
}

static size_t count_of(const char *image)
{
    struct warm_row row;
    size_t n = 0;
    for (;;) {
        cluster_state_warm_tick(cluster, now, &effects);
        if (!add_next(&row))
            return n;
        say(row.node, &row.id, SANDBOX_RUNNING);
        n += strcmp(row.class.image, image) == 0;
    }
}

static void test_large_disks_leave_room_for_the_base_image(void **state)
{
    struct place_request request = asks();
    struct warm_class large = {.image = "docker.io/library/large:1", .storage_bytes = 10 * GIB};
    struct sandbox_id id = sandbox_id_make(1, (uint8_t[10]){2, 1}), base_id;
    struct err e;
    set_policy(1, 32);
    for (int i = 0; i < 20; i++)
        cluster_state_warm_asked(cluster, now, &large, "usr_1");
    assert_int_equal(count_of(large.image), 4); /* with one of the base image: half of the node's disk */
    request.limits.storage_bytes = 62 * GIB;    /* for that, one has to go */
    assert_non_null(cluster_state_place(cluster, &id, &request, &e));
    effects.count = 0;
    cluster_state_warm_tick(cluster, now, &effects);
    size_t gone = 0;
    for (size_t i = 0; i < effects.count; i++)
        gone += effects.item[i].kind == CLUSTER_DESIRED && effects.item[i].desired.state == DESIRED_GONE;
    assert_int_equal(gone, 1);
    assert_true(take(&base, &base_id));
}

/* --- nodes --- */

static size_t begin_all(void)
{
    struct warm_row row;
    size_t n = 0;
    cluster_state_warm_tick(cluster, now, &effects);
    while (add_next(&row)) {
        say(row.node, &row.id, SANDBOX_RUNNING);
        n++;
    }
    return n;
}

static void test_one_that_is_needed_is_made_on_one_node(void **state)
{
    struct sandbox_id id;
    set_policy(0, 6);
    for (int i = 2; i < 9; i++) {
        char name[3] = {'n', (char)('0' + i)};
        begin_session(name, NULL, 0);
    }
    assert_false(take(&other, &id));
    assert_int_equal(begin_all(), 1);
}

static void test_members_of_a_silent_node_are_replaced(void **state)
{
    struct sandbox_id id;
    set_policy(0, 6);
    for (int i = 0; i < 3; i++)
        assert_false(take(&other, &id));
    for (int i = 0; i < 3; i++)
        assert_int_equal(begin_all(), 1);
    assert_int_equal(begin_all(), 0);
    begin_session("n2", NULL, 0);
    cluster_state_node_gone(cluster, now, "n1", &effects);
    for (int i = 0; i < 3; i++)
        assert_int_equal(begin_all(), 1);
    assert_true(take(&other, &id));
    assert_int_equal(begin_all(), 1);
}

static void test_a_start_that_takes_long_keeps_no_member_out(void **state)
{
    struct place_request request = asks();
    struct sandbox_id id = sandbox_id_make(1, (uint8_t[10]){2, 1});
    struct err e;
    set_policy(2, 6);
    assert_non_null(cluster_state_place(cluster, &id, &request, &e));
    assert_int_equal(begin_all(), 0);
    now += 4999;
    assert_int_equal(begin_all(), 0);
    now += 1;
    assert_int_equal(begin_all(), 1);
    now += 4999;
    assert_int_equal(begin_all(), 0);
    now += 1;
    assert_int_equal(begin_all(), 1);
}

static void test_members_of_a_node_that_was_removed_are_forgotten(void **state)
{
    struct sandbox_id id = make_one();
    cluster_state_node_gone(cluster, now, "n1", &effects);
    cluster_state_warm_read(cluster, now, cluster_state_stamp(cluster), NULL, 0, &effects);
    struct warm_stats stats = cluster_state_warm_stats(cluster);
    assert_int_equal(stats.ready + stats.making, 0);
    begin_session("n1", NULL, 0);
    effects.count = 0;
    say("n1", &id, SANDBOX_RUNNING); /* it joined again, with the member */
    assert_int_equal(effect_for(CLUSTER_DESIRED, &id)->desired.state, DESIRED_GONE);
}

static void test_an_agent_that_knows_no_members_gets_none(void **state)
{
    struct sandbox_id id = make_one();
    struct sandbox_status status = {.id = id, .generation = 1, .number = 99, .state = SANDBOX_RUNNING};
    struct node_facts facts = {
        .name = "n1", .capacity = {8 * GIB, 8000, 100 * GIB, 100}, .enforces = ENFORCE_ALL};
    status.pooled = true; /* even then */
    cluster_state_session(cluster, now, &facts, &status, 1, &effects);
    assert_false(take(&base, &id));
}

/* Its node lies, or was set back. Without this nothing would end the sandbox. */
static void test_a_sandbox_that_ran_is_a_member_again(void **state)
{
    struct cluster_state_view view;
    struct place_request request = asks();
    struct sandbox_id id;
    struct err e;
    make_one();
    assert_true(take(&base, &id));
    assert_non_null(cluster_state_place(cluster, &id, &request, &e));
    struct sandbox_row row = {
        .desired = {.id = id, .generation = 2, .state = DESIRED_RUNNING, .remaining_ms = 3600000},
        .user = "usr_1",
        .node = "n1",
        .state = SANDBOX_STARTING,
        .warm = true,
        .time = ROW_TIME_GIVEN};
    cluster_state_admitted(cluster, now, &row, &effects);
    struct sandbox_status status = {.id = id, .generation = 2, .number = 1000, .state = SANDBOX_RUNNING};
    cluster_state_status(cluster, now, "n1", &status, &effects);
    cluster_state_persisted(cluster, now, &id, true, SANDBOX_RUNNING, &effects);
    assert_true(cluster_state_find(cluster, &id, &view) && view.state == SANDBOX_RUNNING);
    effects.count = 0;
    say("n1", &id, SANDBOX_STOPPED);
    const struct cluster_state_effect *move = effect_for(CLUSTER_PERSIST, &id);
    assert_true(move && move->move.to == SANDBOX_STOPPED && move->move.status.reason == REASON_ORPHANED);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        EACH(test_a_create_whose_node_is_refused_keeps_its_id),
        EACH(test_a_create_that_is_refused_twice_gives_the_member_back),
        EACH(test_the_id_of_a_live_sandbox_is_not_placed),
        EACH(test_a_member_that_nobody_knows_goes_as_a_member),
        EACH(test_an_image_that_makes_no_member_holds_up_its_own_class_only),
        EACH(test_another_base_image_does_not_wait_for_the_one_before),
        EACH(test_members_that_end_soon_after_they_were_made),
        EACH(test_a_create_that_is_not_admitted_asks_for_no_member),
        EACH(test_one_user_does_not_fill_the_table_of_classes),
        EACH(test_classes_take_turns),
        EACH(test_large_disks_leave_room_for_the_base_image),
        EACH(test_more_open_files_than_a_member_can_have),
        EACH(test_who_asks_for_much_leaves_others_what_they_ask_for),
        EACH(test_one_that_is_needed_is_made_on_one_node),
        EACH(test_members_of_a_silent_node_are_replaced),
        EACH(test_a_start_that_takes_long_keeps_no_member_out),
        EACH(test_members_of_a_node_that_was_removed_are_forgotten),
        EACH(test_an_agent_that_knows_no_members_gets_none),
        EACH(test_a_sandbox_that_ran_is_a_member_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
