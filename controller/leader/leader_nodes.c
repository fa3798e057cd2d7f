/* Handles what nodes send: sessions, statuses, samples, violations. */
#include "controller/leader/leader_nodes.h"

#include "controller/leader/leader_cleanup.h"
#include "controller/leader/leader_images.h"
#include "controller/leader/leader_logins.h"
#include "controller/leader/leader_told.h"
#include "controller/leader/leader_int.h"
#include "controller/leader/leader_left_out.h"
#include "controller/leader/leader_trust.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REFUSED_SAID_MS 60000 /* at most one log line in this time */

struct join {
    struct leader_ref asked;
    char node[NODE_NAME_MAX + 1];
};

/* A node without a row gets no sandbox: it has to connect again. */
static void on_joined(void *arg, int code, const struct err *e, const char *json)
{
    struct join *join = arg;
    struct leader *leader = leader_of(&join->asked);
    if (leader && !code)
        leader->joined = true;
    if (leader && code && code != ERR_CANCELLED) {
        log_warn("leader", "node=%s cannot be written to the database and has to connect again: %s",
                 join->node, e ? e->text : "");
        node_link_forget(leader->link, join->node);
    }
    free(join);
}

static void on_session(void *owner, const struct node_facts *facts, const struct sandbox_status *inventory,
                       size_t count)
{
    struct leader *leader = owner;
    struct join *join = mem_zalloc(sizeof *join);
    join->asked = leader_ref_of(leader);
    memcpy(join->node, facts->name, sizeof join->node);
    log_info("leader", "node=%s is in session with %zu sandboxes", facts->name, count);
    stream_hub_confirm(leader->streams, facts->name);
    db_node_join(leader->pool, facts, on_joined, join);
    cluster_state_session(leader->cluster, loop_now_ms(), facts, inventory, count,
                          leader_effects(leader->engine));
    leader_told_session(leader->told, facts->name);
    leader_images_session(leader, facts->name);
}

static void on_statuses(void *owner, const char *node, const struct sandbox_status *statuses, size_t count)
{
    struct leader *leader = owner;
    for (size_t i = 0; i < count; i++)
        cluster_state_status(leader->cluster, loop_now_ms(), node, &statuses[i],
                             leader_effects(leader->engine));
}

/* Items that a node keeps until all of them up to a number are acknowledged. */
struct kept_batch {
    struct leader_ref asked;
    char node[NODE_NAME_MAX + 1];
    uint64_t up_to;
};

static struct kept_batch *kept_batch_new(struct leader *leader, const char *node)
{
    struct kept_batch *batch = mem_zalloc(sizeof *batch);
    *batch = (struct kept_batch){.asked = leader_ref_of(leader)};
    strncpy(batch->node, node, NODE_NAME_MAX);
    return batch;
}

/* Counts items that were acknowledged but not stored, and logs them at most once in REFUSED_SAID_MS. */
static void count_refused(struct leader *leader, const char *node, const char *what, uint64_t refused,
                          uint64_t *sum)
{
    uint64_t now = loop_now_ms();
    *sum += refused;
    if (!refused || (leader->refused_said_ms && now - leader->refused_said_ms < REFUSED_SAID_MS))
        return;
    leader->refused_said_ms = now;
    log_warn("leader",
             "node=%s reported %" PRIu64 " %s that the database refuses: of sandboxes on other nodes, too "
             "old, or invalid; refused so far: samples=%" PRIu64 " violations=%" PRIu64,
             node, refused, what, leader->refused.samples, leader->refused.violations);
}

static uint64_t refused_of(const char *json)
{
    return json ? strtoull(json, NULL, 10) : 0;
}

/*
 * Copies batch to out and frees it. The leader, if the batch is committed and the term is the same; else
 * NULL: the node sends it again.
 */
static struct leader *kept_batch_end(struct kept_batch *batch, int code, const struct err *e,
                                     const char *what, struct kept_batch *out)
{
    *out = *batch;
    free(batch);
    if (code && code != ERR_CANCELLED)
        log_warn("leader", "node=%s its %s are not written yet: %s", out->node, what, e ? e->text : "");
    return code ? NULL : leader_of(&out->asked);
}

static void on_samples_stored(void *arg, int code, const struct err *e, const char *json)
{
    struct kept_batch batch;
    struct leader *leader = kept_batch_end(arg, code, e, "samples", &batch);
    if (!leader)
        return;
    count_refused(leader, batch.node, "samples", refused_of(json), &leader->refused.samples);
    node_link_ack_samples(leader->link, batch.node, batch.up_to);
}

/*
 * Takes current samples only of sandboxes that the cluster state has on this node. For kept samples the
 * database checks the node, also for sandboxes that ended.
 */
static void on_samples(void *owner, const char *node, const struct sample *samples, size_t count)
{
    struct leader *leader = owner;
    struct sample *kept = mem_zalloc(count * sizeof *kept + 1);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        struct cluster_state_view view;
        if (cluster_state_find(leader->cluster, &samples[i].id, &view) && !strcmp(view.node, node))
            stats_take(leader->stats, loop_now_ms(), &samples[i]);
        if (samples[i].kept)
            kept[n++] = samples[i];
    }
    if (n) {
        struct kept_batch *batch = kept_batch_new(leader, node);
        batch->up_to = kept[n - 1].number;
        db_samples_add(leader->pool, node, *leader->keep_sample_days, kept, n, on_samples_stored, batch);
    }
    free(kept);
}

static void on_violations_added(void *arg, int code, const struct err *e, const char *json)
{
    struct kept_batch batch;
    struct leader *leader = kept_batch_end(arg, code, e, "violations", &batch);
    if (!leader)
        return;
    count_refused(leader, batch.node, "violations", refused_of(json), &leader->refused.violations);
    node_link_ack_violations(leader->link, batch.node, batch.up_to);
}

static void on_violations(void *owner, const char *node, const struct violation_report *report, size_t count)
{
    struct leader *leader = owner;
    struct kept_batch *batch = kept_batch_new(leader, node);
    batch->up_to = report[count - 1].number;
    db_violations_add(leader->pool, node, report, count, on_violations_added, batch);
}

static void on_streams(void *owner, const char *node, struct stream *carrier)
{
    struct leader *leader = owner;
    stream_hub_take(leader->streams, node, carrier);
}

static void on_node_gone(void *owner, const char *node)
{
    struct leader *leader = owner;
    log_warn("leader", "node=%s is silent past its lease", node);
    stream_hub_drop(leader->streams, node);
    cluster_state_node_gone(leader->cluster, loop_now_ms(), node, leader_effects(leader->engine));
    changes_tell_node_gone(&leader->changes, node);
}

const struct node_link_ops leader_link_ops = {.allowed = leader_on_allowed,
                                              .believed = leader_on_believed,
                                              .on_contested = leader_on_contested,
                                              .on_expires = leader_on_expires,
                                              .on_session = on_session,
                                              .on_statuses = on_statuses,
                                              .on_samples = on_samples,
                                              .on_violations = on_violations,
                                              .on_cleanups = leader_on_cleanups,
                                              .login = leader_on_login,
                                              .on_images = leader_on_images,
                                              .on_left_out = leader_on_left_out,
                                              .on_streams = on_streams,
                                              .on_node_gone = on_node_gone};

/* Forgets the samples of a sandbox that ended. */
static void forget_figures(void *arg, const struct state_change *change)
{
    if (sandbox_state_terminal(change->state))
        stats_forget(arg, &change->id);
}

static bool lives(void *arg, const struct sandbox_id *id)
{
    const struct leader *leader = arg;
    struct cluster_state_view view;
    return cluster_state_find(leader->cluster, id, &view);
}

void leader_nodes_begin(struct leader *leader)
{
    stats_forget_others(leader->stats, lives, leader);
}

void leader_nodes_subscribe(struct leader *leader)
{
    leader->stats_change = (struct change_subscriber){.on_state = forget_figures, .arg = leader->stats};
    changes_subscribe(&leader->changes, &leader->stats_change);
}

struct use {
    const struct leader *leader;
    struct db_node_seen *seen;
    size_t count;
};

static void add_use(void *arg, const struct sample *s)
{
    struct use *use = arg;
    struct cluster_state_view view;
    if (!cluster_state_find(use->leader->cluster, &s->id, &view))
        return;
    for (size_t i = 0; i < use->count; i++) {
        if (!strcmp(use->seen[i].name, view.node))
            stats_add_use(&use->seen[i].used, s);
    }
}

void leader_say_nodes_seen(struct leader *leader)
{
    if (!leader->ready)
        return;
    const struct node_table *nodes = cluster_state_nodes(leader->cluster);
    struct use use = {.leader = leader, .seen = mem_zalloc(nodes->count * sizeof *use.seen)};
    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->item[i]->session)
            use.seen[use.count++].name = nodes->item[i]->facts.name;
    }
    stats_each(leader->stats, add_use, &use);
    if (use.count)
        db_nodes_seen(leader->pool, use.seen, use.count);
    free(use.seen);
}
