/* What the tests of the controller's warm pool share: a cluster state with one node and a policy. */
#ifndef CORRAL_TESTS_LIB_WARM_CLUSTER_H
#define CORRAL_TESTS_LIB_WARM_CLUSTER_H

#include "controller/core/cluster_state_warm.h"

#include "tests/lib/cluster.h"

#include <stdio.h>

#define GIB (1ull << 30)

static uint64_t now;
static uint8_t ids;

static const struct warm_class base = {.image = "docker.io/library/corral-base:latest", .storage_bytes = GIB};
static const struct warm_class other = {.image = "docker.io/library/python:3", .storage_bytes = GIB};

static inline struct sandbox_id new_id(void)
{
    uint8_t random[10] = {++ids};
    return sandbox_id_make(1, random);
}

static inline struct node_facts facts_of(const char *name)
{
    struct node_facts facts = {
        .capacity = {8 * GIB, 8000, 100 * GIB, 100}, .enforces = ENFORCE_ALL, .pools = true};
    snprintf(facts.name, sizeof facts.name, "%s", name);
    return facts;
}

static inline void begin_session(const char *name, const struct sandbox_status *inventory, size_t count)
{
    struct node_facts facts = facts_of(name);
    cluster_state_session(cluster, now, &facts, inventory, count, &effects);
}

static inline void set_policy(uint64_t min, uint64_t max)
{
    struct warm_policy policy = {.base = base, .min = min, .max = max};
    cluster_state_warm_policy(cluster, &policy);
}

static inline int set_up_pool(uint64_t min, uint64_t max)
{
    now = 1000000;
    ids = 0;
    cluster = cluster_state_new(LEASE_MS);
    begin_session("n1", NULL, 0);
    set_policy(min, max);
    cluster_state_effects_clear(&effects);
    return 0;
}

/* The last of its kind for a member or sandbox; NULL if there is none. */
static inline const struct cluster_state_effect *effect_for(enum cluster_state_effect_kind kind,
                                                            const struct sandbox_id *id)
{
    for (size_t i = effects.count; i-- > 0;) {
        if (effects.item[i].kind == kind && !memcmp(&effects.item[i].id, id, sizeof *id))
            return &effects.item[i];
    }
    return NULL;
}

static inline void say_status(const char *node, const struct sandbox_id *id, enum sandbox_state state,
                              uint64_t generation, bool pooled)
{
    static uint64_t number;
    struct sandbox_status status = {
        .id = *id, .generation = generation, .number = ++number, .state = state, .pooled = pooled};
    cluster_state_status(cluster, now, node, &status, &effects);
}

/* Begins the next member that is needed. False: none is. */
static inline bool begin_next(struct warm_row *row)
{
    if (!cluster_state_warm_next(cluster, now, row))
        return false;
    row->id = new_id();
    cluster_state_warm_begin(cluster, now, row, (const uint8_t *)"spec", 4);
    return true;
}

/* The next member, made on its node. */
static inline struct sandbox_id make_one(void)
{
    struct warm_row row;
    cluster_state_warm_tick(cluster, now, &effects);
    assert_true(begin_next(&row));
    cluster_state_warm_added(cluster, now, &row.id, true, &effects);
    say_status(row.node, &row.id, SANDBOX_RUNNING, 1, true);
    return row.id;
}

static inline struct place_request asks(void)
{
    return (struct place_request){.limits = {GIB / 8, 500, 512, GIB, 100, 1000}, .enforce = ENFORCE_ALL};
}

static inline bool take(const struct warm_class *class, struct sandbox_id *id)
{
    struct place_request request = asks();
    cluster_state_warm_asked(cluster, now, class, "usr_1");
    return cluster_state_warm_take(cluster, now, &request, class, true, id);
}

#endif
