/* What the hosts say: sessions, observations, samples, violations. */
#include "controller/leader/cluster_int.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REFUSED_SAID_MS 60000 /* at most one line in this time */

struct join {
    struct leader_ref asked;
    char node[NODE_NAME_MAX + 1];
};

/* Without its row a host gets no sandbox: it is asked to come again. */
static void on_joined(void *arg, int code, const struct err *e, const char *json)
{
    struct join *join = arg;
    struct cluster *c = leader_of(&join->asked);
    if (c && !code)
        c->joined = true;
    if (c && code && code != ERR_CANCELLED) {
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
    join->asked = leader_ref_of(c);
    memcpy(join->node, facts->name, sizeof join->node);
    log_info("cluster", "node=%s is here with %zu sandboxes", facts->name, count);
    db_node_join(c->pool, facts, on_joined, join);
    fleet_session(c->fleet, loop_now_ms(), facts, inventory, count, leader_effects(c->engine));
}

static void on_observations(void *owner, const char *node, const struct observation *observations,
                            size_t count)
{
    struct cluster *c = owner;
    for (size_t i = 0; i < count; i++)
        fleet_observed(c->fleet, loop_now_ms(), node, &observations[i], leader_effects(c->engine));
}

/* What a host keeps until it hears that all up to a number is committed. */
struct kept_batch {
    struct leader_ref asked;
    char node[NODE_NAME_MAX + 1];
    uint64_t up_to;
};

static struct kept_batch *kept_batch_new(struct cluster *c, const char *node)
{
    struct kept_batch *batch = mem_zalloc(sizeof *batch);
    *batch = (struct kept_batch){.asked = leader_ref_of(c)};
    strncpy(batch->node, node, NODE_NAME_MAX);
    return batch;
}

/* What was accepted and not stored is counted, and said, but not once a second. */
static void count_refused(struct cluster *c, const char *node, const char *what, uint64_t refused,
                          uint64_t *sum)
{
    uint64_t now = loop_now_ms();
    *sum += refused;
    if (!refused || (c->refused_said_ms && now - c->refused_said_ms < REFUSED_SAID_MS))
        return;
    c->refused_said_ms = now;
    log_warn("cluster",
             "node=%s told %" PRIu64
             " %s that the database does not take: of sandboxes that are not its own, from "
             "before the days that are kept, or of no sense; refused so far: samples=%" PRIu64
             " violations=%" PRIu64,
             node, refused, what, c->refused.samples, c->refused.violations);
}

static uint64_t refused_of(const char *json)
{
    return json ? strtoull(json, NULL, 10) : 0;
}

/* The cluster, where it is committed and the lead is the same; else NULL: it comes again. Copies it to out
 * and frees it. */
static struct cluster *kept_batch_end(struct kept_batch *batch, int code, const struct err *e,
                                      const char *what, struct kept_batch *out)
{
    *out = *batch;
    free(batch);
    if (code && code != ERR_CANCELLED)
        log_warn("cluster", "node=%s its %s are not written down yet: %s", out->node, what, e ? e->text : "");
    return code ? NULL : leader_of(&out->asked);
}

static void on_samples_stored(void *arg, int code, const struct err *e, const char *json)
{
    struct kept_batch batch;
    struct cluster *c = kept_batch_end(arg, code, e, "samples", &batch);
    if (!c)
        return;
    count_refused(c, batch.node, "samples", refused_of(json), &c->refused.samples);
    node_link_accept_samples(c->link, batch.node, batch.up_to);
}

/* For the moment only a host's own sandboxes, of which the fleet knows; whose the kept ones are the database
 * knows, also of one that ended. */
static void on_samples(void *owner, const char *node, const struct sample *samples, size_t count)
{
    struct cluster *c = owner;
    struct sample *kept = mem_zalloc(count * sizeof *kept + 1);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        struct fleet_view view;
        if (fleet_find(c->fleet, &samples[i].id, &view) && !strcmp(view.node, node))
            stats_take(c->stats, loop_now_ms(), &samples[i]);
        if (samples[i].kept)
            kept[n++] = samples[i];
    }
    if (n) {
        struct kept_batch *batch = kept_batch_new(c, node);
        batch->up_to = kept[n - 1].number;
        db_samples_add(c->pool, node, *c->keep_sample_days, kept, n, on_samples_stored, batch);
    }
    free(kept);
}

static void on_violations_added(void *arg, int code, const struct err *e, const char *json)
{
    struct kept_batch batch;
    struct cluster *c = kept_batch_end(arg, code, e, "violations", &batch);
    if (!c)
        return;
    count_refused(c, batch.node, "violations", refused_of(json), &c->refused.violations);
    node_link_accept_violations(c->link, batch.node, batch.up_to);
}

static void on_violations(void *owner, const char *node, const struct violation_news *news, size_t count)
{
    struct cluster *c = owner;
    struct kept_batch *batch = kept_batch_new(c, node);
    batch->up_to = news[count - 1].number;
    db_violations_add(c->pool, node, news, count, on_violations_added, batch);
}

static void on_node_gone(void *owner, const char *node)
{
    struct cluster *c = owner;
    log_warn("cluster", "node=%s is silent past its lease", node);
    fleet_node_gone(c->fleet, loop_now_ms(), node, leader_effects(c->engine));
    changes_tell_node_gone(&c->changes, node);
}

const struct node_link_ops cluster_link_ops = {.allowed = cluster_on_allowed,
                                               .believed = cluster_on_believed,
                                               .on_contested = cluster_on_contested,
                                               .on_expires = cluster_on_expires,
                                               .on_session = on_session,
                                               .on_observations = on_observations,
                                               .on_samples = on_samples,
                                               .on_violations = on_violations,
                                               .on_sweeps = cluster_on_sweeps,
                                               .on_left_out = cluster_on_left_out,
                                               .on_node_gone = on_node_gone};

/* The figures of one that ended go with it. */
static void forget_figures(void *arg, const struct state_change *change)
{
    if (sandbox_state_terminal(change->state))
        stats_forget(arg, &change->id);
}

static bool lives(void *arg, const struct sandbox_id *id)
{
    const struct cluster *c = arg;
    struct fleet_view view;
    return fleet_find(c->fleet, id, &view);
}

void cluster_nodes_begin(struct cluster *c)
{
    stats_forget_others(c->stats, lives, c);
}

void cluster_nodes_subscribe(struct cluster *c)
{
    c->stats_change = (struct change_subscriber){.on_state = forget_figures, .arg = c->stats};
    changes_subscribe(&c->changes, &c->stats_change);
}

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
        if (!strcmp(use->seen[i].name, view.node))
            stats_add_use(&use->seen[i].used, s);
    }
}

void cluster_say_nodes_seen(struct cluster *c)
{
    if (!c->ready)
        return;
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
