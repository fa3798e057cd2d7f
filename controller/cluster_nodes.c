/* What the hosts say: sessions, observations, samples, violations. */
#include "controller/cluster_int.h"

#include "common/log.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLES_MAX 1024 /* to the database at once */

/* Every certificate of our CA names a node that was issued one: that is the permission. */
static bool on_allowed(void *owner, const char *node)
{
    return true;
}

struct join {
    struct cluster *cluster;
    uint64_t term;
    char node[NODE_NAME_MAX + 1];
};

/* Without its row a host gets no sandbox: it is asked to come again. */
static void on_joined(void *arg, int code, const struct err *e, const char *json)
{
    struct join *join = arg;
    struct cluster *c = join->cluster;
    if (code && code != ERR_CANCELLED && c->fleet && join->term == c->term) {
        log_warn("cluster", "node=%s could not be written down, it is to come again: %s", join->node,
                 e ? e->text : "");
        node_link_forget(c->link, join->node);
    }
    free(join);
}

static void on_session(void *owner, const struct node_facts *facts, const struct observation *inventory,
                       size_t count)
{
    struct cluster *c = owner;
    struct join *join = mem_zalloc(sizeof *join);
    join->cluster = c;
    join->term = c->term;
    memcpy(join->node, facts->name, sizeof join->node);
    log_info("cluster", "node=%s is here with %zu sandboxes", facts->name, count);
    db_node_join(c->pool, facts, on_joined, join);
    fleet_session(c->fleet, loop_now_ms(), facts, inventory, count, &c->effects);
    cluster_run_effects(c);
}

static void on_observations(void *owner, const char *node, const struct observation *observations,
                            size_t count)
{
    struct cluster *c = owner;
    for (size_t i = 0; i < count; i++)
        fleet_observed(c->fleet, loop_now_ms(), node, &observations[i], &c->effects);
    cluster_run_effects(c);
}

static void on_stored(void *arg, int code, const struct err *e, const char *json)
{
    if (code && code != ERR_CANCELLED)
        log_warn("cluster", "samples were lost to the history: %s", e ? e->text : "");
}

/* Only a host's own sandboxes, of which the fleet knows, are listened to. */
static void on_samples(void *owner, const char *node, const struct sample *samples, size_t count)
{
    struct cluster *c = owner;
    struct sample due[SAMPLES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        struct fleet_view view;
        if (!fleet_find(c->fleet, &samples[i].id, &view) || strcmp(view.node, node))
            continue;
        if (stats_take(c->stats, loop_now_ms(), &samples[i]) && n < SAMPLES_MAX)
            due[n++] = samples[i];
    }
    if (n)
        db_samples_add(c->pool, due, n, on_stored, c);
}

struct violation_batch {
    struct cluster *cluster;
    uint64_t term;
    char node[NODE_NAME_MAX + 1];
    uint64_t up_to;
    size_t waiting;
    bool failed;
};

/* All of a batch, or it comes again: the database knows each by its number. */
static void on_violation_added(void *arg, int code, const struct err *e, const char *json)
{
    struct violation_batch *batch = arg;
    struct cluster *c = batch->cluster;
    if (code && code != ERR_NOT_FOUND)
        batch->failed = true;
    if (--batch->waiting)
        return;
    if (!batch->failed && c->fleet && batch->term == c->term)
        node_link_accept_violations(c->link, batch->node, batch->up_to);
    free(batch);
}

static void on_violations(void *owner, const char *node, const struct violation_news *news, size_t count)
{
    struct cluster *c = owner;
    if (!count)
        return;
    struct violation_batch *batch = mem_zalloc(sizeof *batch);
    *batch = (struct violation_batch){.cluster = c, .term = c->term, .waiting = count};
    strncpy(batch->node, node, NODE_NAME_MAX);
    for (size_t i = 0; i < count; i++) {
        if (news[i].number > batch->up_to)
            batch->up_to = news[i].number;
        db_violation_add(c->pool, &news[i], on_violation_added, batch);
    }
}

static void on_node_gone(void *owner, const char *node)
{
    struct cluster *c = owner;
    log_warn("cluster", "node=%s is silent past its lease", node);
    fleet_node_gone(c->fleet, loop_now_ms(), node, &c->effects);
    cluster_run_effects(c);
    cluster_sweep_node_gone(c, node);
}

const struct node_link_ops cluster_link_ops = {.allowed = on_allowed,
                                               .on_session = on_session,
                                               .on_observations = on_observations,
                                               .on_samples = on_samples,
                                               .on_violations = on_violations,
                                               .on_sweeps = cluster_on_sweeps,
                                               .on_node_gone = on_node_gone};

struct use {
    const struct cluster *cluster;
    struct db_node_seen *seen;
    size_t count;
};

static void add_use(void *arg, const struct sample *s)
{
    struct use *use = arg;
    struct fleet_view view;
    if (!fleet_find(use->cluster->fleet, &s->id, &view))
        return;
    for (size_t i = 0; i < use->count; i++) {
        if (strcmp(use->seen[i].name, view.node))
            continue;
        use->seen[i].used.memory_bytes += s->memory_used_bytes;
        use->seen[i].used.cpu_millis += s->cpu_limit_millis * s->cpu_centi / 10000;
        use->seen[i].used.storage_bytes += s->disk_used_bytes;
        use->seen[i].used.sandboxes++;
    }
}

void cluster_say_nodes_seen(struct cluster *c)
{
    const struct node_table *nodes = fleet_nodes(c->fleet);
    struct use use = {.cluster = c, .seen = mem_zalloc(nodes->count * sizeof *use.seen)};
    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->item[i]->session)
            use.seen[use.count++].name = nodes->item[i]->facts.name;
    }
    stats_each(c->stats, add_use, &use);
    if (use.count)
        db_nodes_seen(c->pool, use.seen, use.count);
    free(use.seen);
}
