#include "tests/lib/cluster.h"

static void test_texts(void **state)
{
    struct cleanup_counts counts = {0},
                          more = {.found = {[CLEANUP_IMAGE] = 2}, .removed = {[CLEANUP_IMAGE] = 1}};
    char text[CLEANUP_TEXT_MAX];
    cleanup_text(&counts, text);
    assert_string_equal(text, "nothing");
    assert_false(cleanup_found_any(&counts));
    cleanup_counts_add(&counts, &more);
    counts.found[CLEANUP_EXPIRED] = 3;
    cleanup_text(&counts, text);
    assert_string_equal(text, "expired=3/0 image=2/1");
    assert_true(cleanup_found_any(&counts) && cleanup_removed_any(&counts));
    cleanup_json(counts.removed, text);
    assert_string_equal(text,
                        "{\"expired\":0,\"orphan_container\":0,\"volume\":0,\"network\":0,\"state_file\":0,"
                        "\"stale_session\":0,\"row_without_container\":0,\"image\":1}");
    for (int i = 0; i < CLEANUP_KIND_COUNT; i++)
        counts.found[i] = counts.removed[i] = UINT64_MAX;
    cleanup_text(&counts, text);
    cleanup_json(counts.found, text);
    assert_int_equal(text[strlen(text) - 1], '}');
}

static void test_sessions(void **state)
{
    assert_false(cleanup_session_stale(true, LEASE_MS, LEASE_MS));
    assert_true(cleanup_session_stale(true, LEASE_MS + 1, LEASE_MS));
    assert_false(cleanup_session_stale(false, SESSION_PROOF_MS, 1));
    assert_true(cleanup_session_stale(false, SESSION_PROOF_MS + 1, 60000));
}

/* --- rows, in a cluster state --- */

static struct sandbox_status running(const struct sandbox_row *row)
{
    return (struct sandbox_status){
        .id = row->desired.id, .generation = 1, .number = 1, .state = SANDBOX_RUNNING, .ran = true};
}

static void join(uint64_t now, const char *name, const struct sandbox_status *held, size_t count)
{
    struct node_facts facts = {0};
    strcpy(facts.name, name);
    cluster_state_session(cluster, now, &facts, held, count, &effects);
    cluster_state_effects_clear(&effects);
}

static int set_up(void **state)
{
    cluster = cluster_state_new(LEASE_MS);
    join(0, "h1", NULL, 0);
    return 0;
}

static void test_a_row_that_the_cluster_state_was_not_told_of(void **state)
{
    struct sandbox_row lost = row_of(1, "h1", SANDBOX_RUNNING, HOUR_MS),
                       pending = row_of(2, "h1", SANDBOX_PENDING, HOUR_MS),
                       away = row_of(3, "h9", SANDBOX_RUNNING, HOUR_MS),
                       over = row_of(4, "h9", SANDBOX_RUNNING, 0);
    assert_int_equal(cluster_state_orphan(cluster, 5, &lost), CLEANUP_ROW_WITHOUT_CONTAINER);
    assert_int_equal(cluster_state_orphan(cluster, 5, &pending),
                     CLEANUP_KIND_COUNT); /* its node will get it and start it */
    assert_int_equal(cluster_state_orphan(cluster, 5, &away),
                     CLEANUP_KIND_COUNT); /* its node may come back with it */
    assert_int_equal(cluster_state_orphan(cluster, 5, &over), CLEANUP_EXPIRED);
    assert_int_equal(cluster_state_count(cluster), 0);
    assert_int_equal(effects.count, 0); /* cluster_state_orphan changes nothing */
}

static void test_a_row_that_its_node_holds(void **state)
{
    struct sandbox_row row = row_of(1, "h1", SANDBOX_RUNNING, 1000);
    struct sandbox_status held = running(&row);
    cluster_state_load(cluster, 0, &row);
    assert_int_equal(cluster_state_orphan(cluster, 5, &row), CLEANUP_KIND_COUNT);
    join(10, "h1", &held, 1);
    /* However long overdue: a sandbox that its node reports is ended by its node. */
    assert_int_equal(cluster_state_orphan(cluster, HOUR_MS, &row), CLEANUP_KIND_COUNT);
    cluster_state_node_gone(cluster, HOUR_MS, "h1", &effects);
    assert_int_equal(cluster_state_orphan(cluster, HOUR_MS, &row), CLEANUP_KIND_COUNT);
}

static void test_a_pending_row_that_its_node_never_takes_up(void **state)
{
    struct sandbox_row row = row_of(1, "h1", SANDBOX_PENDING, 1000);
    cluster_state_read(cluster, 0, cluster_state_stamp(cluster), &row, &effects);
    assert_non_null(effect_of(CLUSTER_DESIRED));
    assert_int_equal(cluster_state_orphan(cluster, 2999, &row), CLEANUP_KIND_COUNT);
    assert_int_equal(cluster_state_orphan(cluster, 3000, &row), CLEANUP_EXPIRED);
    cluster_state_effects_clear(&effects);
    cluster_state_end_orphan(cluster, 3000, &row, CLEANUP_EXPIRED, &effects);
    const struct cluster_state_effect *move = effect_of(CLUSTER_PERSIST);
    assert_non_null(move);
    assert_int_equal(move->move.to, SANDBOX_FAILED); /* it never ran */
    assert_int_equal(move->move.status.reason, REASON_EXPIRED);
    assert_int_equal(cluster_state_orphan(cluster, 3001, &row),
                     CLEANUP_KIND_COUNT); /* its move is under way */
}

static void test_an_orphan_ends_like_any_other_sandbox(void **state)
{
    struct sandbox_row row = row_of(1, "h1", SANDBOX_PAUSED, HOUR_MS);
    cluster_state_end_orphan(cluster, 5, &row, CLEANUP_ROW_WITHOUT_CONTAINER, &effects);
    const struct cluster_state_effect *effect = effect_of(CLUSTER_PERSIST);
    assert_non_null(effect);
    assert_int_equal(effect->move.to, SANDBOX_STOPPED);
    assert_int_equal(effect->move.status.reason, REASON_ORPHANED);
    assert_non_null(strstr(effect->move.status.detail, "h1"));
    cluster_state_effects_clear(&effects);
    cluster_state_persisted(cluster, 6, &row.desired.id, false, SANDBOX_STOPPED,
                            &effects); /* the state is unknown: it is tried again */
    assert_int_equal(effects.count, 0);
    cluster_state_tick(cluster, 2000, &effects);
    assert_non_null(effect_of(CLUSTER_PERSIST));
    cluster_state_effects_clear(&effects);
    cluster_state_persisted(cluster, 2001, &row.desired.id, true, SANDBOX_STOPPED, &effects);
    effect = effect_of(CLUSTER_CHANGED);
    assert_non_null(effect);
    assert_true(effect->cleaned);
    assert_int_equal(effect->orphan, CLEANUP_ROW_WITHOUT_CONTAINER);
    assert_int_equal(cluster_state_count(cluster), 0);
}

static void test_an_orphan_whose_node_brings_it_back(void **state)
{
    struct sandbox_row row = row_of(1, "h1", SANDBOX_RUNNING, HOUR_MS);
    struct sandbox_status held = running(&row);
    cluster_state_end_orphan(cluster, 5, &row, CLEANUP_ROW_WITHOUT_CONTAINER, &effects);
    cluster_state_effects_clear(&effects);
    cluster_state_status(cluster, 6, "h1", &held, &effects);
    cluster_state_persisted(cluster, 7, &row.desired.id, false, SANDBOX_STOPPED, &effects);
    cluster_state_tick(cluster, HOUR_MS / 2, &effects);
    assert_int_equal(effect_of(CLUSTER_PERSIST)->move.to,
                     SANDBOX_RUNNING); /* the answer may have been lost */
    cluster_state_persisted(cluster, HOUR_MS / 2, &row.desired.id, true, SANDBOX_RUNNING, &effects);
    assert_int_equal(cluster_state_count(cluster), 1);
}

#define IN_CLUSTER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_sessions),
        IN_CLUSTER(test_a_row_that_the_cluster_state_was_not_told_of),
        IN_CLUSTER(test_a_row_that_its_node_holds),
        IN_CLUSTER(test_a_pending_row_that_its_node_never_takes_up),
        IN_CLUSTER(test_an_orphan_ends_like_any_other_sandbox),
        IN_CLUSTER(test_an_orphan_whose_node_brings_it_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
