/* How many members of the warm pool there are to be, and where. */
#include "controller/core/cluster_state_warm.h"

#include "controller/core/cluster_state_int.h"

#define REPEAT_MS      2000 /* what a node or the database has not answered */
#define BUSY_EVERY_MS  5000 /* a node where sandboxes start all the time makes one so often */
#define SHARE_PART     2    /* members hold at most this part of a node, but for warm_min of the base image */
#define MAKING_MOST_MS 600000 /* a member that is not ready by then is given up */

/* Whether members may stand on the node. Those on a node that is silent are of no use, and may be gone. */
static bool takes_members(const struct warm_pool *pool, const struct node *node)
{
    return !node->gone && node->facts.pools && pool->policy.max && !node->cordoned && !node->draining;
}

/* Whether what sandboxes reserve, and the members, do not fit on the node together, with this many more
 * members. */
static bool is_short(const struct node *node, uint64_t memory_bytes, uint64_t storage_bytes, uint64_t more)
{
    const struct node_resources *all = &node->facts.capacity, *held = &node->warm.held,
                                *reserved = &node->reserved;
    return reserved->memory_bytes + held->memory_bytes + memory_bytes > all->memory_bytes ||
           reserved->storage_bytes + held->storage_bytes + storage_bytes > all->storage_bytes ||
           reserved->sandboxes + held->sandboxes + more > all->sandboxes;
}

/* Whether the members, with one more of this class, would hold more than their share of the node. */
static bool is_over_share(const struct node *node, const struct warm_class *class)
{
    const struct node_resources *all = &node->facts.capacity, *held = &node->warm.held;
    return held->memory_bytes + WARM_MEMORY_BYTES > all->memory_bytes / SHARE_PART ||
           held->storage_bytes + class->storage_bytes > all->storage_bytes / SHARE_PART ||
           held->sandboxes + 1 > all->sandboxes / SHARE_PART;
}

static bool is_base(const struct warm_pool *pool, const struct warm_class *class)
{
    return warm_class_same(&pool->policy.base, class);
}

/* Max-min fairness: the highest number such that all classes, each with so many at most, have place. */
static uint64_t level_of(const struct warm_demand *demand, uint64_t now, uint64_t places)
{
    uint64_t peaks[WARM_CLASSES_MAX], low = 0, high = places;
    for (size_t i = 0; i < WARM_CLASSES_MAX; i++)
        peaks[i] = warm_demand_peak(&demand->row[i], now);
    while (low < high) {
        uint64_t middle = low + (high - low + 1) / 2, sum = 0;
        for (size_t i = 0; i < WARM_CLASSES_MAX; i++)
            sum += peaks[i] < middle ? peaks[i] : middle;
        if (sum <= places)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* How many places on the node members of the base image need before one of this class gets any. */
static uint64_t kept_from(const struct warm_pool *pool, const struct node *node,
                          const struct warm_class *class)
{
    bool enough = is_base(pool, class) || node->warm.of_base >= pool->policy.min;
    return enough ? 0 : pool->policy.min - node->warm.of_base;
}

static void count(struct cluster_state *cluster, uint64_t now)
{
    struct warm_member *m, *next;
    struct sandbox_entry *s, *after;
    uint64_t places = 0;
    for (size_t i = 0; i < cluster->nodes.count; i++) {
        struct node_warm *warm = &cluster->nodes.item[i]->warm;
        warm->of_base = warm->of_others = warm->under_way = warm->taken = warm->sandboxes_starting = 0;
        places += takes_members(&cluster->warm, cluster->nodes.item[i]) ? cluster->warm.policy.max : 0;
    }
    cluster->warm.level = level_of(&cluster->warm.demand, now, places);
    for (struct warm_kind *kind = cluster->warm.kinds; kind; kind = kind->next)
        kind->standing = 0;
    WARM_POOL_EACH(&cluster->warm, m, next)
    {
        bool made = m->state == WARM_READY, under_way = m->state == WARM_ADDING || m->state == WARM_MAKING;
        if (m->node->gone)
            continue;
        m->kind->standing += made || under_way;
        m->node->warm.of_base += (made || under_way) && is_base(&cluster->warm, &m->kind->class);
        m->node->warm.of_others += (made || under_way) && !is_base(&cluster->warm, &m->kind->class);
        m->node->warm.under_way += under_way;
        m->node->warm.taken += m->state == WARM_TAKEN || m->state == WARM_UNSURE;
    }
    SANDBOX_TABLE_EACH(&cluster->sandboxes, s, after)
    {
        if (s->node)
            s->node->warm.sandboxes_starting += s->state == SANDBOX_PENDING || s->state == SANDBOX_STARTING;
    }
    for (size_t i = 0; i < cluster->nodes.count; i++) {
        struct node_warm *warm = &cluster->nodes.item[i]->warm;
        if (!warm->sandboxes_starting || !warm->quiet_ms)
            warm->quiet_ms = now;
    }
}

/* How many of the row's class there are to be: all, or its share of the places, but one at least, and its
 * floor. */
static uint64_t share_of(const struct warm_pool *pool, const struct warm_demand_row *row, uint64_t now)
{
    uint64_t peak = row ? warm_demand_peak(row, now) : 0, share = peak < pool->level ? peak : pool->level;
    if (row && share < row->floor)
        return row->floor;
    return share || !peak ? share : 1;
}

/* Whether there are more like it than are needed, here and in all. */
static bool is_surplus(const struct warm_pool *pool, const struct warm_member *m, uint64_t now)
{
    bool base = is_base(pool, &m->kind->class);
    if (base && m->node->warm.of_base <= pool->policy.min)
        return false;
    return m->kind->standing > share_of(pool, warm_demand_find(&pool->demand, &m->kind->class), now);
}

static bool is_to_go(const struct warm_pool *pool, const struct warm_member *m, uint64_t now)
{
    uint64_t age = now - m->made_ms;
    if (!takes_members(pool, m->node) || age >= WARM_LIFE_MS - MAKING_MOST_MS)
        return true;
    if (m->state == WARM_MAKING)
        return age >= MAKING_MOST_MS;
    /* where room is short, those of the base image go last */
    bool first = !m->node->warm.of_others || !is_base(pool, &m->kind->class);
    uint64_t standing = m->node->warm.held.sandboxes - m->node->warm.taken;
    return (first && is_short(m->node, 0, 0, 0)) ||
           standing + kept_from(pool, m->node, &m->kind->class) > pool->policy.max ||
           is_surplus(pool, m, now);
}

static void step(struct cluster_state *cluster, struct warm_member *m, uint64_t now,
                 struct cluster_state_effects *effects)
{
    bool again = now - m->sent_ms >= REPEAT_MS;
    switch (m->state) {
    case WARM_ADDING:
    case WARM_TAKEN:
    case WARM_UNSURE:
        return;
    case WARM_MAKING:
    case WARM_READY:
        if (m->node->session && is_to_go(&cluster->warm, m, now)) {
            m->kind->standing--;
            m->node->warm.of_base -= is_base(&cluster->warm, &m->kind->class);
            m->node->warm.of_others -= !is_base(&cluster->warm, &m->kind->class);
            warm_go(m, now, effects);
        } else if (m->state == WARM_MAKING && !m->heard && again) {
            warm_send_desired(m, now, effects);
        }
        return;
    case WARM_GOING:
        if (again)
            warm_go(m, now, effects);
        return;
    case WARM_GONE:
        if (again)
            warm_drop_row(m, now, effects);
        return;
    }
}

void cluster_state_warm_tick(struct cluster_state *cluster, uint64_t now,
                             struct cluster_state_effects *effects)
{
    struct warm_member *m, *next;
    count(cluster, now);
    WARM_POOL_EACH(&cluster->warm, m, next)
    step(cluster, m, now, effects);
}

/* --- what is to be made --- */

/* Sandboxes go before, but neither one that starts for minutes nor one after another keeps members out. */
static bool is_busy(const struct node *node, uint64_t now)
{
    uint64_t since = node->warm.begun_ms > node->warm.quiet_ms ? node->warm.begun_ms : node->warm.quiet_ms;
    return node->warm.sandboxes_starting && now - since < BUSY_EVERY_MS;
}

static bool may_make(const struct warm_pool *pool, struct node *node, uint64_t now,
                     const struct warm_class *class)
{
    const struct node_warm_class *failed = warm_failed_entry(pool, node, class);
    return takes_members(pool, node) && node_state(node) == NODE_READY &&
           (!failed || now >= failed->again_ms) && !node->warm.under_way && !is_busy(node, now) &&
           node->warm.held.sandboxes + kept_from(pool, node, class) < pool->policy.max &&
           !is_short(node, WARM_MEMORY_BYTES, class->storage_bytes, 1);
}

/* Of the nodes that may make one of this class, the one with the fewest members; below: with fewer of the
 * base image than this. */
static struct node *emptiest(const struct cluster_state *cluster, uint64_t now,
                             const struct warm_class *class, uint64_t below)
{
    struct node *best = NULL;
    for (size_t i = 0; i < cluster->nodes.count; i++) {
        struct node *node = cluster->nodes.item[i];
        if (may_make(&cluster->warm, node, now, class) && node->warm.of_base < below &&
            (below != UINT64_MAX || !is_over_share(node, class)) &&
            (!best || node->warm.held.sandboxes < best->warm.held.sandboxes))
            best = node;
    }
    return best;
}

static size_t standing(const struct warm_pool *pool, const struct warm_class *class)
{
    for (const struct warm_kind *kind = pool->kinds; kind; kind = kind->next) {
        if (warm_class_same(&kind->class, class))
            return kind->standing;
    }
    return 0;
}

static bool fills(struct warm_row *out, struct node *node, const struct warm_class *class, bool base)
{
    if (!node)
        return false;
    node->warm.under_way++;
    node->warm.of_base += base;
    out->node = node->facts.name;
    out->class = *class;
    return true;
}

/* Of the classes that need one, the one that got its last one longest ago: none keeps others from their turn.
 * *node: where. NULL: none can be made. */
static const struct warm_demand_row *next_class(struct cluster_state *cluster, uint64_t now,
                                                struct node **node)
{
    const struct warm_pool *pool = &cluster->warm;
    const struct warm_demand_row *best = NULL;
    for (size_t i = 0; i < WARM_CLASSES_MAX; i++) {
        const struct warm_demand_row *row = &pool->demand.row[i];
        struct node *where;
        if ((best && best->begun_ms <= row->begun_ms) ||
            share_of(pool, row, now) <= standing(pool, &row->class) ||
            !(where = emptiest(cluster, now, &row->class, UINT64_MAX)))
            continue;
        best = row;
        *node = where;
    }
    return best;
}

bool cluster_state_warm_next(struct cluster_state *cluster, uint64_t now, struct warm_row *out)
{
    const struct warm_pool *pool = &cluster->warm;
    struct node *node = NULL;
    if (pool->policy.max &&
        fills(out, emptiest(cluster, now, &pool->policy.base, pool->policy.min), &pool->policy.base, true))
        return true;
    const struct warm_demand_row *row = next_class(cluster, now, &node);
    return row && fills(out, node, &row->class, is_base(pool, &row->class));
}
