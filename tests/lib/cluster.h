/* What the tests of the controller's cluster state share: one, its effects, and looking for one of them. */
#ifndef CORRAL_TESTS_LIB_CLUSTER_H
#define CORRAL_TESTS_LIB_CLUSTER_H

#include "controller/core/cluster_state.h"

#include "tests/lib/unit.h"

#define LEASE_MS 10000
#define HOUR_MS  3600000

static struct cluster_state *cluster;
static struct cluster_state_effects effects;

static int tear_down(void **state)
{
    (void)state;
    cluster_state_free(cluster);
    cluster_state_effects_fini(&effects);
    return 0;
}

/* The first of its kind; NULL if there is none. */
static inline const struct cluster_state_effect *effect_of(enum cluster_state_effect_kind kind)
{
    for (size_t i = 0; i < effects.count; i++) {
        if (effects.item[i].kind == kind)
            return &effects.item[i];
    }
    return NULL;
}

/* The sandbox with this number, as the database has it. */
static inline struct sandbox_row row_of(int n, const char *node, enum sandbox_state state,
                                        uint64_t remaining_ms)
{
    uint8_t random[10] = {(uint8_t)n};
    return (struct sandbox_row){.desired.id = sandbox_id_make(1, random),
                                .user = "usr_1",
                                .node = node,
                                .desired.generation = 1,
                                .desired.state = DESIRED_RUNNING,
                                .state = state,
                                .desired.remaining_ms = remaining_ms,
                                .desired.spec = (const uint8_t *)"s",
                                .desired.spec_len = 1};
}

#endif
