/* What creates and the database do to the warm pool: members are added, taken, given back, and dropped. */
#include "controller/core/cluster_state_warm.h"

#include "controller/core/cluster_state_int.h"

#include <stdio.h>

void cluster_state_warm_policy(struct cluster_state *cluster, const struct warm_policy *policy)
{
    bool same = warm_class_same(&cluster->warm.policy.base, &policy->base);
    cluster->warm.policy = *policy;
    for (size_t i = 0; i < cluster->nodes.count && !same; i++) /* what failed was of another image */
        cluster->nodes.item[i]->warm.failed[WARM_CLASSES_MAX] = (struct node_warm_class){0};
}

void cluster_state_warm_floors(struct cluster_state *cluster, uint64_t now, const struct warm_floor *floors,
                               size_t count)
{
    warm_demand_floors(&cluster->warm.demand, now, floors, count);
}

static void enter(struct warm_member *m, struct cluster_state *cluster, enum warm_state state)
{
    m->state = state;
    m->stamp = ++cluster->stamp;
}

void cluster_state_warm_load(struct cluster_state *cluster, uint64_t now, const struct warm_row *row,
                             const uint8_t *spec, size_t spec_len)
{
    struct node *node = node_table_get(&cluster->nodes, row->node);
    if (warm_pool_find(&cluster->warm, &row->id))
        return;
    warm_demand_note(&cluster->warm.demand, now, &row->class,
                     ""); /* it stays as long as if it was asked for now */
    struct warm_member *m = warm_pool_add(&cluster->warm, now, &row->id, node, &row->class, spec, spec_len);
    m->loaded = true;
    enter(m, cluster, WARM_MAKING);
}

void cluster_state_warm_begin(struct cluster_state *cluster, uint64_t now, const struct warm_row *row,
                              const uint8_t *spec, size_t spec_len)
{
    struct node *node = node_table_get(&cluster->nodes, row->node);
    struct warm_member *m = warm_pool_add(&cluster->warm, now, &row->id, node, &row->class, spec, spec_len);
    struct warm_demand_row *asked = warm_demand_find(&cluster->warm.demand, &row->class);
    if (asked)
        asked->begun_ms = now;
    enter(m, cluster, WARM_ADDING);
    m->kind->standing++; /* the next node is not asked for it, too */
    node->warm.begun_ms = now;
}

void cluster_state_warm_added(struct cluster_state *cluster, uint64_t now, const struct sandbox_id *id,
                              bool ok, struct cluster_state_effects *effects)
{
    struct warm_member *m = warm_pool_find(&cluster->warm, id);
    if (!m || m->state != WARM_ADDING)
        return;
    m->stamp = ++cluster->stamp;
    warm_member_turn(m, ok ? WARM_MAKING : WARM_GONE);
    if (ok)
        warm_send_desired(m, now, effects);
}

void cluster_state_warm_dropped(struct cluster_state *cluster, const struct sandbox_id *id, bool ok)
{
    struct warm_member *m = warm_pool_find(&cluster->warm, id);
    if (m && ok && m->state == WARM_GONE)
        warm_pool_drop(&cluster->warm, m);
}

/* --- creates --- */

static bool miss(struct cluster_state *cluster, enum warm_miss why)
{
    cluster->warm.stats.misses[why]++;
    return false;
}

bool cluster_state_warm_take(struct cluster_state *cluster, uint64_t now, const struct place_request *request,
                             const struct warm_class *class, bool allowed, struct sandbox_id *id)
{
    struct warm_member *m, *next, *best = NULL;
    uint64_t best_full = 0, full;
    bool stands = false;
    if (!allowed)
        return miss(cluster, WARM_MISS_TIER);
    if (!warm_serves(request))
        return miss(cluster, WARM_MISS_KIND);
    WARM_POOL_EACH(&cluster->warm, m, next)
    {
        if (m->state != WARM_READY || !m->node->facts.pools || !warm_class_same(&m->kind->class, class))
            continue;
        stands = true;
        if (place_takes(m->node, request, &full) && (!best || full < best_full)) {
            best = m;
            best_full = full;
        }
    }
    if (!best)
        return miss(cluster, stands ? WARM_MISS_NODE : WARM_MISS_EMPTY);
    cluster->warm.stats.taken++;
    best->state = WARM_TAKEN;
    *id = best->id;
    return true;
}

struct node *warm_node_of(const struct cluster_state *cluster, const struct sandbox_id *id,
                          const struct place_request *request)
{
    const struct warm_member *m = warm_pool_find(&cluster->warm, id);
    uint64_t full;
    return m && m->state == WARM_TAKEN && place_takes(m->node, request, &full) ? m->node : NULL;
}

void warm_admitted(struct cluster_state *cluster, uint64_t now, struct sandbox_entry *s,
                   struct cluster_state_effects *effects)
{
    struct warm_member *m = warm_pool_find(&cluster->warm, &s->desired.id);
    if (!m)
        return;
    if (m->node == s->node) {
        if (m->heard && !m->dead && m->node->session)
            s->on_node = ON_NODE_MEMBER;
        warm_pool_drop(&cluster->warm, m); /* the admission took its row */
    } else if (warm_member_stays(m)) /* the sandbox was placed elsewhere: the member's own node removes it */
        warm_go(m, now, effects);
}

void warm_overtaken(struct cluster_state *cluster, const struct sandbox_entry *s, const struct node *node)
{
    struct warm_member *m = warm_pool_find(&cluster->warm, &s->desired.id);
    if (m && m->node == node)
        warm_member_turn(m, WARM_GONE);
}

void warm_refused(struct cluster_state *cluster, const struct sandbox_id *id)
{
    struct warm_member *m = warm_pool_find(&cluster->warm, id);
    if (m && m->state == WARM_TAKEN)
        warm_member_turn(m, m->dead ? WARM_GONE : WARM_READY);
}

void cluster_state_warm_asked(struct cluster_state *cluster, uint64_t now, const struct warm_class *class,
                              const char *user)
{
    warm_demand_note(&cluster->warm.demand, now, class, user);
}

void cluster_state_warm_unsure(struct cluster_state *cluster, const struct sandbox_id *id)
{
    struct warm_member *m = warm_pool_find(&cluster->warm, id);
    const struct sandbox_entry *s = sandbox_table_find(&cluster->sandboxes, id);
    if (!m || m->state != WARM_TAKEN)
        return;
    if (s && s->node != m->node)
        warm_member_turn(m,
                         WARM_GOING); /* the create was placed on another node, and may be admitted there */
    else
        enter(m, cluster, WARM_UNSURE);
}

/* --- readings --- */

/*
 * A member that is unsure and has its row is not handed out again: the admission may still be under way in
 * the database. It goes; if the admission is committed after all, its node starts the sandbox cold. Without
 * its row it is a sandbox's, which the reading of these shows. If the next reading comes first, that sandbox
 * has ended, and its node never heard of it: the member goes as well.
 */
static void take_reading(struct cluster_state *cluster, struct warm_member *m, uint64_t now, bool has_row,
                         struct cluster_state_effects *effects)
{
    if (m->state == WARM_ADDING || m->state == WARM_TAKEN)
        return;
    bool node_is_away = !m->node->session; /* removed, as a rule; if it comes back with it, it is told */
    if (m->state == WARM_UNSURE && !has_row && !m->admitted)
        m->admitted = true;
    else if (!has_row && node_is_away)
        warm_pool_drop(&cluster->warm, m);
    else if (m->state == WARM_UNSURE && m->dead)
        warm_member_turn(m, WARM_GONE);
    else if (m->state == WARM_UNSURE || (!has_row && warm_member_stays(m)))
        warm_go(m, now, effects);
}

/* One that is not known: it was written although its answer was lost, and deleted before that. */
static void take_row(struct cluster_state *cluster, uint64_t now, uint64_t stamp, const struct warm_row *row,
                     struct cluster_state_effects *effects)
{
    struct warm_member *m = warm_pool_find(&cluster->warm, &row->id);
    if (m) {
        m->seen = stamp;
    } else if (!sandbox_table_find(&cluster->sandboxes, &row->id)) {
        cluster_state_warm_load(cluster, now, row, NULL, 0);
        warm_go(warm_pool_find(&cluster->warm, &row->id), now, effects);
    }
}

void cluster_state_warm_read(struct cluster_state *cluster, uint64_t now, uint64_t stamp,
                             const struct warm_row *rows, size_t count, struct cluster_state_effects *effects)
{
    struct warm_member *m, *next;
    for (size_t i = 0; i < count; i++)
        take_row(cluster, now, stamp, &rows[i], effects);
    WARM_POOL_EACH(&cluster->warm, m, next)
    {
        if (m->stamp < stamp)
            take_reading(cluster, m, now, m->seen == stamp, effects);
    }
}

struct warm_stats cluster_state_warm_stats(const struct cluster_state *cluster)
{
    struct warm_stats stats = cluster->warm.stats;
    const struct warm_member *m, *next;
    WARM_POOL_EACH(&cluster->warm, m, next)
    {
        stats.ready += m->state == WARM_READY;
        stats.making += m->state != WARM_READY && m->state != WARM_TAKEN;
    }
    return stats;
}
