#include "controller/core/system_sample.h"

#include "tests/lib/unit.h"

#include <stdio.h>
#include <string.h>

static struct sandbox_id id_of(uint16_t n)
{
    return sandbox_id_make(1, (uint8_t[10]){(uint8_t)n, (uint8_t)(n >> 8)});
}

static void add_node(struct cluster_state *cluster, const char *name, const char *region)
{
    struct cluster_state_effects effects = {0};
    struct node_facts facts = {.capacity = {1000, 4000, 5000, 10}};
    snprintf(facts.name, sizeof facts.name, "%s", name);
    snprintf(facts.region, sizeof facts.region, "%s", region);
    cluster_state_session(cluster, 1000, &facts, NULL, 0, &effects);
    cluster_state_effects_fini(&effects);
}

static void add_sandbox(struct cluster_state *cluster, struct stats *stats, uint16_t n, const char *node,
                        const char *tier, enum sandbox_state state)
{
    struct sandbox_row row = {
        .desired = {.id = id_of(n),
                    .generation = 1,
                    .remaining_ms = 60000,
                    .limits = {.memory_bytes = 100, .cpu_millis = 500, .storage_bytes = 7}},
        .user = "usr_1",
        .tier = tier,
        .node = node,
        .state = state};
    struct sample sample = {.id = id_of(n), .memory_used_bytes = 30, .disk_used_bytes = 2};
    cluster_state_load(cluster, 1000, &row);
    stats_take(stats, 1000, &sample);
}

/* Two nodes in session in two regions, one that has not come back yet, and four sandboxes of two tiers. */
static struct system_sample *a_sample(void)
{
    struct system_sample *sample = system_sample_new();
    struct cluster_state *cluster = cluster_state_new(10000);
    struct stats *stats = stats_new();
    add_node(cluster, "n1", "eu");
    add_node(cluster, "n2", "us");
    add_sandbox(cluster, stats, 1, "n1", "free", SANDBOX_RUNNING);
    add_sandbox(cluster, stats, 2, "n1", "pro", SANDBOX_RUNNING);
    add_sandbox(cluster, stats, 3, "n2", "free", SANDBOX_PAUSED);
    add_sandbox(cluster, stats, 4, "n3", NULL, SANDBOX_LOST);
    system_sample_read(sample, cluster, stats, 1000);
    cluster_state_free(cluster);
    stats_free(stats);
    return sample;
}

static void test_what_lives_where(void **state)
{
    struct system_sample *s = a_sample();
    assert_int_equal(system_sample_gauge(s, SYSTEM_WHOLE, "", GAUGE_CAPACITY_MEMORY), 2000);
    assert_int_equal(system_sample_gauge(s, SYSTEM_WHOLE, "", GAUGE_RESERVED_CPU), 2000);
    assert_int_equal(system_sample_gauge(s, SYSTEM_WHOLE, "", GAUGE_USED_MEMORY), 120);
    assert_int_equal(system_sample_gauge(s, SYSTEM_WHOLE, "", GAUGE_RUNNING), 2);
    assert_int_equal(system_sample_gauge(s, SYSTEM_WHOLE, "", GAUGE_LOST), 1);
    assert_int_equal(system_sample_gauge(s, SYSTEM_NODE, "n1", GAUGE_RESERVED_SANDBOXES), 2);
    assert_int_equal(system_sample_gauge(s, SYSTEM_NODE, "n3", GAUGE_CAPACITY_MEMORY), 0);
    assert_int_equal(system_sample_gauge(s, SYSTEM_REGION, "us", GAUGE_USED_STORAGE), 2);
    assert_int_equal(system_sample_gauge(s, SYSTEM_REGION, "us", GAUGE_CAPACITY_SANDBOXES), 10);
    assert_int_equal(system_sample_gauge(s, SYSTEM_TIER, "free", GAUGE_RESERVED_SANDBOXES), 2);
    assert_int_equal(system_sample_gauge(s, SYSTEM_TIER, "free", GAUGE_PAUSED), 1);
    system_sample_free(s);
}

static void test_what_does_not_apply_is_no_figure(void **state)
{
    struct system_sample *s = a_sample();
    assert_true(system_sample_gauge(s, SYSTEM_TIER, "free", GAUGE_CAPACITY_MEMORY) == SYSTEM_NO_FIGURE);
    assert_true(system_sample_gauge(s, SYSTEM_TIER, "free", GAUGE_NODES_READY) == SYSTEM_NO_FIGURE);
    assert_true(system_sample_gauge(s, SYSTEM_NODE, "n1", GAUGE_QUEUE_DATABASE) == SYSTEM_NO_FIGURE);
    assert_int_equal(system_sample_gauge(s, SYSTEM_NODE, "n1", GAUGE_QUEUE_STARTS), 0);
    assert_true(system_sample_gauge(s, SYSTEM_NODE, "gone", GAUGE_RUNNING) == SYSTEM_NO_FIGURE);
    assert_true(system_sample_gauge(s, SYSTEM_TIER, "", GAUGE_RUNNING) == SYSTEM_NO_FIGURE);
    system_sample_free(s);
}

static void test_queues(void **state)
{
    struct system_sample *s = a_sample();
    system_sample_starts_waiting(s, "n1", 3, 700);
    system_sample_starts_waiting(s, "n2", 2, 900);
    system_sample_starts_waiting(s, "unknown", 1, 100);
    system_sample_queues(s, 4, 5, 6);
    assert_int_equal(system_sample_gauge(s, SYSTEM_NODE, "n1", GAUGE_QUEUE_STARTS), 3);
    assert_int_equal(system_sample_gauge(s, SYSTEM_WHOLE, "", GAUGE_QUEUE_STARTS), 6);
    assert_int_equal(system_sample_gauge(s, SYSTEM_WHOLE, "", GAUGE_QUEUE_STARTS_LONGEST), 900);
    assert_int_equal(system_sample_gauge(s, SYSTEM_WHOLE, "", GAUGE_QUEUE_CREATES), 4);
    assert_int_equal(system_sample_gauge(s, SYSTEM_WHOLE, "", GAUGE_QUEUE_WAITERS), 5);
    assert_int_equal(system_sample_gauge(s, SYSTEM_WHOLE, "", GAUGE_QUEUE_DATABASE), 6);
    system_sample_free(s);
}

static char *taken(struct system_sample *s)
{
    struct json_text json = {0};
    system_sample_take(s, &json);
    return json.text.data;
}

static size_t times(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

static void test_counts_are_taken_once(void **state)
{
    const struct system_place place = {"n1", "eu", "free"}, nowhere = {NULL, "", NULL};
    struct system_sample *s = system_sample_new();
    system_sample_created(s, &place);
    system_sample_created(s, &nowhere);
    system_sample_started(s, &place, 120);
    system_sample_refused(s, "free", ERR_QUOTA_EXCEEDED);
    system_sample_refused(s, NULL, ERR_UNAUTHENTICATED);
    system_sample_refused(s, NULL, 0); /* no code at all */
    char *first = taken(s);
    assert_int_equal(times(first, "\"kind\""), 4);
    assert_non_null(strstr(first, "\"creates\":2"));
    assert_int_equal(times(first, "\"creates\":1"), 3);
    assert_int_equal(times(first, "\"starts\":[0,0,0,0,0,1,"), 4);
    assert_int_equal(times(first, "\"quota_exceeded\":1"), 2);
    assert_int_equal(times(first, "\"unauthenticated\":1"), 1);
    free(first);
    char *second = taken(s);
    assert_null(strstr(second, "\"creates\":1"));
    assert_null(strstr(second, "starts"));
    assert_null(strstr(second, "refusals"));
    free(second);
    system_sample_free(s);
}

/* What was counted of a node goes out once more, although the node is gone; then its row goes. */
static void test_rows_go_with_their_nodes(void **state)
{
    const struct system_place place = {"n1", "eu", "free"};
    struct system_sample *s = a_sample();
    struct cluster_state *cluster = cluster_state_new(10000);
    struct stats *stats = stats_new();
    system_sample_created(s, &place);
    system_sample_read(s, cluster, stats, 2000);
    char *first = taken(s);
    assert_int_equal(times(first, "\"kind\""), 4);
    assert_int_equal(times(first, "\"gauges\":[null,"), 3);
    free(first);
    system_sample_read(s, cluster, stats, 3000);
    char *second = taken(s);
    assert_int_equal(times(second, "\"kind\""), 1);
    free(second);
    cluster_state_free(cluster);
    stats_free(stats);
    system_sample_free(s);
}

static void test_names_are_bounded(void **state)
{
    struct system_sample *s = system_sample_new();
    char name[16];
    for (unsigned i = 0; i < SYSTEM_NAMES_MAX + 10; i++) {
        snprintf(name, sizeof name, "t%u", i);
        system_sample_refused(s, name, ERR_INVALID);
    }
    char *all = taken(s);
    assert_int_equal(times(all, "\"kind\":\"tier\""), SYSTEM_NAMES_MAX);
    snprintf(name, sizeof name, "%u", SYSTEM_NAMES_MAX + 10);
    assert_non_null(strstr(all, name));
    free(all);
    system_sample_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_lives_where),
        cmocka_unit_test(test_what_does_not_apply_is_no_figure),
        cmocka_unit_test(test_queues),
        cmocka_unit_test(test_counts_are_taken_once),
        cmocka_unit_test(test_rows_go_with_their_nodes),
        cmocka_unit_test(test_names_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
