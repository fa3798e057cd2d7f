/* The warm pool, while it leads: makes the members that the core asks for. leader_create.c hands them out. */
#include "controller/core/cluster_state_warm.h"
#include "controller/leader/leader_floors.h"
#include "controller/leader/leader_int.h"
#include "controller/leader/leader_warm_rows.h"
#include "controller/nodes/warm_spec.h"

#include "common/io/log.h"

#include <stdlib.h>

static void add(struct leader *leader, struct warm_row *row)
{
    uint8_t *spec;
    size_t len;
    struct err e;
    row->id = leader_new_id(leader);
    if (warm_spec_pack(&row->class, &spec, &len, &e)) {
        log_warn("leader", "no member of the warm pool can be made of %s: %s", row->class.image, e.text);
        return;
    }
    cluster_state_warm_begin(leader->cluster, loop_now_ms(), row, spec, len);
    leader_warm_add(leader, row);
    free(spec);
}

void leader_warm_tick(struct leader *leader)
{
    struct warm_row row;
    if (!leader->ready)
        return;
    cluster_state_warm_policy(leader->cluster, &leader->warm);
    leader_floors_tick(leader);
    cluster_state_warm_tick(leader->cluster, loop_now_ms(), leader_effects(leader->engine));
    while (!db_pool_trouble(leader->pool) && cluster_state_warm_next(leader->cluster, loop_now_ms(), &row))
        add(leader, &row);
}

void leader_set_warm_policy(struct leader *leader, const struct warm_policy *policy)
{
    leader->warm = *policy;
}

struct warm_stats leader_warm_stats(const struct leader *leader)
{
    return leader->cluster ? cluster_state_warm_stats(leader->cluster) : (struct warm_stats){0};
}
