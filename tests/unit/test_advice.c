#include "controller/core/advice.h"
#include "tests/lib/load_shapes.h"
#include "tests/lib/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* A system whose figures give no advice; each test changes what matters to it. */
struct world {
    struct advice_figures f;
    struct advice_area areas[3];
    struct advice_node nodes[30];
    struct advice_starts node_starts[4], image_starts[4];
    struct advice_tier tiers[3];
    struct advice_pressure pressures[2];
    struct advice_findings found;
};

static struct advice_node node(const char *name, double share)
{
    struct advice_node n = {.region = "eu", .ready = true, .known = true};
    snprintf(n.name, sizeof n.name, "%s", name);
    for (int r = 0; r < ADVICE_RESOURCES; r++) {
        n.capacity[r] = SHAPE_CAPACITY;
        n.reserved[r] = SHAPE_CAPACITY * share;
        n.used[r] = n.reserved[r] / 2;
    }
    return n;
}

static void fill_area(struct advice_area *area, const char *name, enum load_shape shape, double noise)
{
    snprintf(area->name, sizeof area->name, "%s", name);
    area->days = 56;
    for (int r = 0; r < ADVICE_RESOURCES; r++) {
        area->capacity[r] = SHAPE_CAPACITY;
        shape_points(r == ADVICE_MEMORY ? shape : SHAPE_FLAT, area->days, noise, 17, area->peak[r]);
    }
}

static struct world world(void)
{
    struct world w = {.nodes = {node("a", 0.3), node("b", 0.3), node("c", 0.3)}};
    w.node_starts[0] = (struct advice_starts){.count = 100,
                                              .warm = 50,
                                              .control_ms = 20,
                                              .turn_ms = 5,
                                              .disk_ms = 30,
                                              .docker_ms = 300,
                                              .whole_ms = 400};
    w.node_starts[1] = w.node_starts[0];
    strcpy(w.node_starts[1].name, "a");
    w.node_starts[2] = w.node_starts[0];
    strcpy(w.node_starts[2].name, "b");
    w.image_starts[0] =
        (struct advice_starts){.name = "docker.io/library/x:1", .count = 100, .warm = 90, .whole_ms = 400};
    w.tiers[0] = (struct advice_tier){.name = "pro",
                                      .memory_limit = 100,
                                      .max_sandboxes = 10,
                                      .creates = 100,
                                      .users = 9,
                                      .memory_most = 100,
                                      .ended = 90,
                                      .live_users = 8,
                                      .full_users = 1,
                                      .known = true,
                                      .reserved = {900, 900, 900, 900},
                                      .used = {500, 500, 500, 900}};
    fill_area(&w.areas[0], "", SHAPE_FLAT, 15);
    w.f = (struct advice_figures){.area_count = 1,
                                  .node_count = 3,
                                  .node_start_count = 3,
                                  .image_start_count = 1,
                                  .tier_count = 1,
                                  .pressure_count = 1,
                                  .measured = true,
                                  .queues = {.known = true, .creates = 1000},
                                  .database = {.requests = 10000}};
    strcpy(w.pressures[0].node, "a");
    w.pressures[0].sandboxes = 5;
    return w;
}

static void find(struct world *w)
{
    advice_findings_fini(&w->found);
    memset(&w->found, 0, sizeof w->found);
    w->f.areas = w->areas;
    w->f.nodes = w->nodes;
    w->f.node_starts = w->node_starts;
    w->f.image_starts = w->image_starts;
    w->f.tiers = w->tiers;
    w->f.pressures = w->pressures;
    advice_find(&w->found, &w->f);
}

/* "rule:subject" of each finding that opens, then in brackets of those that only keep; severity behind. */
static void check(struct world *w, const char *expected)
{
    char got[600] = "";
    find(w);
    for (size_t i = 0; i < w->found.count; i++) {
        const struct advice_finding *f = &w->found.item[i];
        snprintf(got + strlen(got), sizeof got - strlen(got), f->opens ? "%s%s:%s %s" : "%s(%s:%s %s)",
                 i ? ", " : "", advice_rule_name(f->rule), f->subject, advice_severity_name(f->severity));
        json_t *evidence = json_loads(f->evidence, 0, NULL), *effect = json_loads(f->effect, 0, NULL);
        assert_true(json_object_size(evidence) > 0 && json_object_size(effect) > 0 && f->weight > 0);
        assert_true(strlen(f->sentence) > 20 && strlen(f->sentence) < ADVICE_SENTENCE_MAX - 1);
        json_decref(evidence);
        json_decref(effect);
    }
    assert_string_equal(got, expected);
    advice_findings_fini(&w->found);
}

static double evidence(const struct world *w, const char *name)
{
    json_t *all = json_loads(w->found.item[0].evidence, 0, NULL);
    double value = json_number_value(json_object_get(all, name));
    json_decref(all);
    return value;
}

static double effect(const struct world *w, const char *name)
{
    json_t *all = json_loads(w->found.item[0].effect, 0, NULL);
    double value = json_number_value(json_object_get(all, name));
    json_decref(all);
    return value;
}

static void test_nothing(void **state)
{
    struct world w = world();
    check(&w, "");
    w.f = (struct advice_figures){0};
    check(&w, "");
    assert_true(w.found.unknown[ADVICE_RULE_memory_short] && w.found.unknown[ADVICE_RULE_database_slow] &&
                w.found.unknown[ADVICE_RULE_disk_pressure]);
    assert_false(w.found.unknown[ADVICE_RULE_node_skewed]);
}

static void test_capacity(void **state)
{
    struct world w = world();
    fill_area(&w.areas[0], "", SHAPE_LINEAR, 15); /* full in 85 days */
    check(&w, "");
    w.areas[0].capacity[ADVICE_MEMORY] = 575 + 5 * 38;
    check(&w, "(memory_short: info)");
    w.areas[0].capacity[ADVICE_MEMORY] = 575 + 5 * 25;
    check(&w, "memory_short: info");
    w.areas[0].capacity[ADVICE_MEMORY] = 575 + 5 * 12;
    check(&w, "memory_short: warning");
    w.areas[0].capacity[ADVICE_MEMORY] = 575 + 5 * 16;
    find(&w);
    assert_true(evidence(&w, "days") > 14 && evidence(&w, "days") < 18 && evidence(&w, "days_least") < 16 &&
                evidence(&w, "days_most") > 16);
    assert_true(effect(&w, "add") > 14 * 5 && effect(&w, "add") < 14 * 5 + 40);
    fill_area(&w.areas[0], "", SHAPE_SATURATED, 0);
    check(&w, "memory_short: critical");
    fill_area(&w.areas[0], "", SHAPE_STEP, 15);
    check(&w, "");
    fill_area(&w.areas[0], "", SHAPE_NOISE, 15);
    check(&w, "");
    /* Of a single region only the region is told, of two both and the whole. */
    fill_area(&w.areas[0], "", SHAPE_SATURATED, 0);
    fill_area(&w.areas[1], "eu", SHAPE_SATURATED, 0);
    fill_area(&w.areas[2], "us", SHAPE_FLAT, 0);
    w.f.area_count = 2;
    check(&w, "memory_short:eu critical");
    w.f.area_count = 3;
    check(&w, "memory_short: critical, memory_short:eu critical");
    w.areas[1].days = 6; /* too few to say anything */
    w.areas[0].days = 6;
    check(&w, "");
    w.f.queues.no_capacity = 20;
    check(&w, "no_room: warning");
}

static void test_balance(void **state)
{
    struct world w = world();
    w.nodes[1] = node("b", 0.6);
    w.nodes[1].reserved[ADVICE_SANDBOXES] = 60;
    check(&w, "node_skewed:b info");
    find(&w);
    /* 600 of 1000, and 300 twice: even are 400, so 200 go elsewhere: of 60 sandboxes of 10 each, 20. */
    assert_true(effect(&w, "share") > 0.399 && effect(&w, "share") < 0.401);
    assert_true(effect(&w, "sandboxes_elsewhere") > 19.9 && effect(&w, "sandboxes_elsewhere") < 20.1);
    w.nodes[1] = node("b", 0.5);
    check(&w, "(node_skewed:b info)");
    w.nodes[1] = node("b", 0.45);
    check(&w, "");
    w.nodes[1] = node("b", 0.95);
    strcpy(w.nodes[1].region, "us"); /* alone in its region */
    check(&w, "");
    w = world();
    w.nodes[0] = node("a", 0.7);
    w.nodes[1] = node("b", 0.7);
    w.nodes[2] = node("c", 0);
    w.nodes[2].ready = false;
    w.nodes[2].cordoned = true;
    check(&w, "node_idle:c info");
    w.nodes[2].reserved[ADVICE_SANDBOXES] = 1;
    check(&w, "");
    w.nodes[2].reserved[ADVICE_SANDBOXES] = 0;
    w.nodes[0].reserved[ADVICE_CPU] = w.nodes[1].reserved[ADVICE_CPU] = 100;
    check(&w, "node_idle:c info, resource_uneven:eu info");
}

static void test_bottlenecks(void **state)
{
    struct world w = world();
    w.node_starts[1].docker_ms = 2500;
    w.node_starts[1].whole_ms = 2700;
    check(&w, "docker_slow:a warning");
    find(&w);
    assert_true(evidence(&w, "other_nodes_ms") == 300 && effect(&w, "start_ms") == 500);
    w.node_starts[1].docker_ms = 1600;
    check(&w, "(docker_slow:a warning)");
    w.node_starts[1].count = 55; /* five cold ones */
    check(&w, "");
    w.node_starts[2].disk_ms = 5000;
    w.node_starts[2].turn_ms = 1500;
    check(&w, "disk_slow:b critical, starts_wait:b warning");
    w = world();
    w.node_starts[0].control_ms = 600;
    w.f.database.share_slow = 0.06;
    w.f.queues.database_mean = 12;
    check(&w, "control_slow: warning, database_slow: warning, database_queue: warning");
    w = world();
    w.f.database = (struct advice_database){100, 1};
    check(&w, "");
    w.pressures[0].io = 70;
    w.pressures[0].memory = 25;
    check(&w, "disk_pressure:a critical, memory_pressure:a warning");
    w.f.measured = false;
    check(&w, "");
}

static void test_allocation(void **state)
{
    struct world w = world();
    w.tiers[0].used[ADVICE_MEMORY] = 180; /* 20 % of 900, of a capacity of 3000 */
    check(&w, "memory_unused:pro info");
    find(&w);
    assert_true(effect(&w, "frees") == 900 - 1.5 * 180);
    w.tiers[0].used[ADVICE_MEMORY] = 270;
    check(&w, "(memory_unused:pro info)");
    w.tiers[0].used[ADVICE_MEMORY] = 500;
    w.tiers[0].used[ADVICE_CPU] = 50;
    check(&w, "cpu_unused:pro info");
    w.tiers[0].reserved[ADVICE_CPU] = 100; /* a thirtieth of what there is */
    w.tiers[0].used[ADVICE_CPU] = 1;
    check(&w, "");
    w = world();
    w.tiers[0].memory_most = 40;
    check(&w, "limit_unmet:pro info");
    w.tiers[0].creates = 19;
    check(&w, "");
    w = world();
    w.tiers[0].killed = 30;
    w.tiers[0].full_users = 4;
    check(&w, "limit_hit:pro warning, quota_hit:pro info");
    w.tiers[0].ended = 9;
    w.tiers[0].killed = 9;
    w.tiers[0].live_users = w.tiers[0].full_users = 2;
    check(&w, "");
}

static void test_starts(void **state)
{
    struct world w = world();
    w.image_starts[0].warm = 10;
    check(&w, "image_warm:docker.io/library/x:1 info");
    find(&w);
    assert_true(effect(&w, "seconds_a_day") == 90 * 0.4);
    w.image_starts[0].warm = 90;
    w.image_starts[0].pulls = 4;
    w.image_starts[0].pull_ms = 25000;
    w.image_starts[0].pull_sum_ms = 100000;
    check(&w, "image_pull:docker.io/library/x:1 info, image_large:docker.io/library/x:1 info");
    w.image_starts[0].pulls = 2;
    check(&w, "");
}

static void test_bounds(void **state)
{
    struct world w = world();
    char name[8];
    for (int i = 0; i < 30; i++) { /* 25 that are skewed, each by more than the one before */
        snprintf(name, sizeof name, "n%02d", i);
        w.nodes[i] = node(name, 0);
        w.nodes[i].ready = i < 5;
        for (int r = 0; i >= 5 && r < ADVICE_RESOURCES; r++)
            w.nodes[i].reserved[r] = 500 + i;
    }
    w.f.node_count = 30;
    find(&w);
    assert_int_equal(w.found.count, ADVICE_OF_RULE_MAX);
    assert_int_equal(w.found.left_out, 5);
    assert_true(
        w.found.unknown[ADVICE_RULE_node_skewed]); /* one that is not listed is not known to be gone */
    for (size_t i = 0; i < w.found.count; i++)
        assert_true(strcmp(w.found.item[i].subject, "n10") >= 0); /* the gravest stay */
    advice_findings_fini(&w.found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing),    cmocka_unit_test(test_capacity),
                                       cmocka_unit_test(test_balance),    cmocka_unit_test(test_bottlenecks),
                                       cmocka_unit_test(test_allocation), cmocka_unit_test(test_starts),
                                       cmocka_unit_test(test_bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
