#include "controller/core/warm_pool_int.h"

#include "common/base/mem.h"

#include <assert.h>
#include <stdlib.h>

#define MEMBER_CPU_MILLIS 1000
#define MEMBER_CPU_SHARES 128
#define MEMBER_PIDS       64

struct sandbox_limits warm_limits(const struct warm_class *class)
{
    return (struct sandbox_limits){.memory_bytes = WARM_MEMORY_BYTES,
                                   .cpu_millis = MEMBER_CPU_MILLIS,
                                   .cpu_shares = MEMBER_CPU_SHARES,
                                   .storage_bytes = class->storage_bytes,
                                   .pids = MEMBER_PIDS,
                                   .nofile = WARM_NOFILE};
}

const char *warm_miss_name(enum warm_miss miss)
{
    static const char *const names[] = {[WARM_MISS_TIER] = "tier",
                                        [WARM_MISS_KIND] = "runtime",
                                        [WARM_MISS_EMPTY] = "empty",
                                        [WARM_MISS_NODE] = "node"};
    return names[miss];
}

struct warm_member *warm_pool_find(const struct warm_pool *pool, const struct sandbox_id *id)
{
    struct warm_member *m = NULL;
    HASH_FIND(hh, pool->members, id, sizeof *id, m);
    return m;
}

static struct warm_kind *kind_of(struct warm_pool *pool, const struct warm_class *class)
{
    struct warm_kind *kind = pool->kinds;
    while (kind && !warm_class_same(&kind->class, class))
        kind = kind->next;
    if (kind)
        return kind;
    kind = mem_zalloc(sizeof *kind);
    *kind = (struct warm_kind){.next = pool->kinds, .class = *class};
    pool->kinds = kind;
    return kind;
}

static void leave_kind(struct warm_pool *pool, struct warm_kind *kind)
{
    struct warm_kind **at = &pool->kinds;
    if (--kind->members)
        return;
    while (*at != kind)
        at = &(*at)->next;
    *at = kind->next;
    free(kind);
}

struct warm_member *warm_pool_add(struct warm_pool *pool, uint64_t now, const struct sandbox_id *id,
                                  struct node *node, const struct warm_class *class, const uint8_t *spec,
                                  size_t spec_len)
{
    struct warm_member *m = mem_zalloc(sizeof *m);
    *m = (struct warm_member){.id = *id,
                              .node = node,
                              .kind = kind_of(pool, class),
                              .made_ms = now,
                              .generation = 1,
                              .spec = mem_dup(spec, spec_len),
                              .spec_len = spec_len};
    m->kind->members++;
    HASH_ADD(hh, pool->members, id, sizeof m->id, m);
    node_warm_add(node, WARM_MEMORY_BYTES, class->storage_bytes);
    return m;
}

void warm_member_turn(struct warm_member *m, enum warm_state state)
{
    bool stayed = warm_member_stays(m);
    m->state = state;
    m->sent_ms = 0;
    if (stayed && !warm_member_stays(m))
        node_warm_remove(m->node, WARM_MEMORY_BYTES, m->kind->class.storage_bytes);
}

static_assert(NODE_WARM_CLASSES == WARM_CLASSES_MAX + 1, "an entry for each class that is counted");

struct node_warm_class *warm_failed_entry(const struct warm_pool *pool, struct node *node,
                                          const struct warm_class *class)
{
    bool base = warm_class_same(&pool->policy.base, class);
    const struct warm_demand_row *row = base ? NULL : warm_demand_find(&pool->demand, class);
    if (!base && !row)
        return NULL;
    struct node_warm_class *entry = &node->warm.failed[base ? WARM_CLASSES_MAX : row - pool->demand.row];
    if (!base && entry->class_id != row->class_id)
        *entry = (struct node_warm_class){.class_id = row->class_id};
    return entry;
}

static void member_free(struct warm_pool *pool, struct warm_member *m)
{
    leave_kind(pool, m->kind);
    HASH_DEL(pool->members, m);
    free(m->spec);
    free(m);
}

void warm_pool_drop(struct warm_pool *pool, struct warm_member *m)
{
    warm_member_turn(m, WARM_GONE);
    member_free(pool, m);
}

void warm_pool_fini(struct warm_pool *pool)
{
    struct warm_member *m, *next;
    WARM_POOL_EACH(pool, m, next)
    member_free(pool, m);
}
