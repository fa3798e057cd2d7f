#include "controller/leader/leader.h"

#include "controller/leader/dispatch.h"
#include "controller/leader/leader_cleanup.h"
#include "controller/leader/leader_clock.h"
#include "controller/leader/leader_create.h"
#include "controller/leader/leader_history.h"
#include "controller/leader/leader_images.h"
#include "controller/leader/leader_digests.h"
#include "controller/leader/leader_logins.h"
#include "controller/leader/leader_told.h"
#include "controller/leader/leader_int.h"
#include "controller/leader/leader_left_out.h"
#include "controller/leader/leader_nodes.h"
#include "controller/leader/leader_refresh.h"
#include "controller/leader/leader_starts.h"
#include "controller/leader/leader_trust.h"
#include "controller/leader/leader_warm_rows.h"

#include "common/model/trace_table.h"
#include "common/io/log.h"
#include "common/base/mem.h"
#include "common/io/pki.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_MS                                                                                              \
    (3 * NODE_LINK_LEASE_MS) /* as long as an agent may take to try all controllers that it knows */

void leader_tick(struct leader *leader)
{
    if (leader->ready)
        cluster_state_tick(leader->cluster, loop_now_ms(), leader_effects(leader->engine));
}

int leader_new(struct leader **out, const struct leader_conf *conf, struct err *e)
{
    struct leader *leader = mem_zalloc(sizeof *leader);
    leader->loop = conf->loop;
    leader->pool = conf->pool;
    leader->admit = conf->admit;
    leader->defaults = conf->defaults;
    leader->keep_sample_days = conf->keep_sample_days;
    leader->ca_file = mem_strdup(conf->link->ca_file);
    leader->ca_key = conf->ca_key && conf->ca_key[0] ? mem_strdup(conf->ca_key) : NULL;
    STAILQ_INIT(&leader->creates);
    STAILQ_INIT(&leader->cleanups);
    STAILQ_INIT(&leader->changes);
    int rc = node_link_new(&leader->link, leader->loop, conf->link, &leader_link_ops, leader, e);
    if (rc) {
        free(leader->ca_file);
        free(leader->ca_key);
        free(leader);
        return rc;
    }
    leader->engine = leader_engine_new(leader->loop, &leader_dispatch_ops, leader);
    leader->waiters = waiters_new(leader->loop);
    leader->stats = stats_new();
    leader->starts = starts_new();
    leader->traces = trace_table_new();
    leader->history = leader_history_new(leader);
    leader->images = leader_images_new(leader);
    leader->digests = leader_digests_new(leader);
    leader->told = leader_told_new(leader);
    leader->logins = leader_logins_new(conf->link->secrets);
    leader->streams = stream_hub_new(leader->loop, conf->keys);
    leader_nodes_subscribe(leader);
    leader_cleanup_subscribe(leader);
    leader_starts_subscribe(leader);
    changes_subscribe(&leader->changes, waiters_subscriber(leader->waiters));
    *out = leader;
    return 0;
}

void leader_stop(struct leader *leader)
{
    if (!leader || !leader->waiters)
        return;
    leader_unlead(leader);
    leader_creates_end(leader, ERR_CANCELLED);
    changes_leave(&leader->changes, waiters_subscriber(leader->waiters));
    waiters_free(leader->waiters);
    leader->waiters = NULL;
}

void leader_free(struct leader *leader)
{
    if (!leader)
        return;
    leader_stop(leader);
    node_link_free(leader->link);
    stream_hub_free(leader->streams);
    stats_free(leader->stats);
    starts_free(leader->starts);
    trace_table_free(leader->traces);
    leader_history_free(leader->history);
    leader_images_free(leader->images);
    leader_logins_free(leader->logins);
    leader_digests_free(leader->digests);
    leader_told_free(leader->told);
    leader_engine_free(leader->engine);
    free(leader->ca_file);
    free(leader->ca_key);
    leader_left_out_fini(leader);
    free(leader);
}

bool leader_ready(const struct leader *leader)
{
    return leader->ready;
}

int leader_settled(struct leader *leader, struct err *e)
{
    const struct place_request anything = {.enforce = ENFORCE_ALL};
    (void)err_set(e, ERR_NO_CAPACITY, "this controller has just begun to lead and waits for its nodes");
    if (leader->ready && !leader->settled)
        leader->settled = loop_now_ms() - leader->ready_ms >= NODE_LINK_LEASE_MS ||
                          (leader->joined && place(cluster_state_nodes(leader->cluster), &anything, e));
    return leader->settled ? 0 : e->code;
}

/* --- leadership --- */

struct reading {
    struct leader_ref asked;
    uint64_t asked_ms;
};

static struct reading *reading_new(struct leader *leader)
{
    struct reading *reading = mem_zalloc(sizeof *reading);
    *reading = (struct reading){leader_ref_of(leader), loop_now_ms()};
    return reading;
}

/* Frees reading. The leader, if it is still in the same term; else NULL. */
static struct leader *reading_end(struct reading *reading)
{
    struct leader *leader = leader_of(&reading->asked);
    free(reading);
    return leader;
}

static void read_rows(void *arg);

/* Its streams were kept, and no session came: nothing says that it is still a node of ours. */
static void drop_kept(void *arg)
{
    struct leader *leader = arg;
    stream_hub_drop_kept(leader->streams);
}

static void forget_last(struct leader *leader)
{
    cluster_state_free(leader->last);
    leader->last = NULL;
}

static void listen_for_nodes(void *arg)
{
    struct leader *leader = arg;
    struct err e;
    if (node_link_start(leader->link, leader->epoch, &e)) {
        log_error("leader", "cannot listen for nodes, trying again: %s", e.text);
        timer_start(&leader->again, leader->loop, LEADER_AGAIN_MS, read_rows, leader);
        return;
    }
    leader->ready = true;
    leader->ready_ms = loop_now_ms();
    leader_history_begin(leader->history);
    forget_last(leader);
    timer_start(&leader->kept, leader->loop, KEPT_MS, drop_kept, leader);
    log_info("leader", "leads with epoch %llu, %zu live sandboxes", (unsigned long long)leader->epoch,
             cluster_state_count(leader->cluster));
    leader_refresh_begin(leader);
    leader_images_changed(leader);
}

static void read_members(void *arg)
{
    leader_warm_begin(arg, listen_for_nodes, read_members);
}

static void on_rows(void *arg, int code, const struct err *e, const struct sandbox_row *rows, size_t count)
{
    uint64_t waited_ms = loop_now_ms() - ((struct reading *)arg)->asked_ms;
    struct leader *leader = reading_end(arg);
    if (!leader)
        return;
    if (code) {
        log_warn("leader", "the live sandboxes cannot be read, trying again: %s", e->text);
        timer_start(&leader->again, leader->loop, LEADER_AGAIN_MS, read_rows, leader);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct sandbox_row row = rows[i];
        row.waited_ms = waited_ms;
        row.unwatched = leader->unwatched;
        cluster_state_load(leader->cluster, loop_now_ms(), &row);
    }
    leader_nodes_begin(leader);
    read_members(leader);
}

static void read_rows(void *arg)
{
    struct leader *leader = arg;
    db_sandbox_live(leader->pool, on_rows, reading_new(leader));
}

static void read_nodes(void *arg);

static void read_revocations(void *arg)
{
    leader_trust_read(arg, read_rows, read_revocations);
}

/* The nodes are read before the sandboxes: each sandbox then finds its node with its marks. */
static void on_nodes(void *arg, int code, const struct err *e, const struct db_node_row *rows, size_t count)
{
    struct leader *leader = reading_end(arg);
    if (!leader)
        return;
    struct cluster_state_effects unsaid = {0}; /* not carried out: the database has these states */
    for (size_t i = 0; !code && i < count; i++) {
        cluster_state_node_mark(leader->cluster, rows[i].name, rows[i].cordoned, rows[i].draining, &unsaid);
        if (strcmp(rows[i].state, node_state_name(NODE_UNREACHABLE)))
            cluster_state_node_expected(leader->cluster, loop_now_ms(), rows[i].name);
    }
    cluster_state_effects_fini(&unsaid);
    leader_trust_rows(leader, rows, code ? 0 : count);
    if (!code)
        read_revocations(leader);
    else
        timer_start(&leader->again, leader->loop, LEADER_AGAIN_MS, read_nodes, leader);
}

static void read_nodes(void *arg)
{
    struct leader *leader = arg;
    db_node_rows(leader->pool, on_nodes, reading_new(leader));
}

void leader_lead(struct leader *leader, uint64_t epoch)
{
    leader_suspend(leader);
    leader->term++;
    leader->epoch = epoch;
    db_pool_set_epoch(leader->pool, epoch);
    leader->cluster = cluster_state_new(NODE_LINK_LEASE_MS);
    leader->trust = node_trust_new();
    leader_clock_begin(leader, read_nodes);
}

/* What was read only in part is not kept: what the lead before knew is better. */
static void keep_last(struct leader *leader)
{
    if (leader->ready) {
        forget_last(leader);
        leader->last = leader->cluster;
    } else {
        cluster_state_free(leader->cluster);
    }
    leader->cluster = NULL;
}

void leader_suspend(struct leader *leader)
{
    if (!leader->cluster)
        return;
    leader_history_end(leader->history);
    leader_engine_clear(leader->engine);
    node_link_stop(leader->link);
    stream_hub_keep(leader->streams);
    timer_stop(&leader->kept);
    timer_stop(&leader->again);
    leader_refresh_end(leader);
    leader_images_end(leader->images);
    leader_logins_forget(leader->logins);
    leader_digests_forget(leader->digests);
    leader_told_forget(leader->told);
    leader_clock_end(leader);
    db_pool_set_epoch(leader->pool, 0);
    keep_last(leader);
    node_trust_free(leader->trust);
    leader->trust = NULL;
    leader->ready = leader->joined = leader->settled = false;
    leader->term++;
    leader->placed = 0;
    starts_clear(leader->starts);
    leader_creates_end(leader, ERR_NOT_LEADING);
    leader_cleanups_end(leader, ERR_NOT_LEADING);
}

void leader_unlead(struct leader *leader)
{
    leader_suspend(leader);
    stream_hub_drop(leader->streams, NULL);
    forget_last(leader);
}

void leader_node_mark(struct leader *leader, const char *node, bool cordoned, bool draining)
{
    if (leader->cluster)
        cluster_state_node_mark(leader->cluster, node, cordoned, draining, leader_effects(leader->engine));
}

struct waiters *leader_waiters(struct leader *leader)
{
    return leader->waiters;
}

struct stats *leader_stats(struct leader *leader)
{
    return leader->stats;
}

const struct starts *leader_starts(const struct leader *leader)
{
    return leader->starts;
}

struct stream_hub *leader_streams(struct leader *leader)
{
    return leader->streams;
}

const struct cluster_state *leader_state(const struct leader *leader)
{
    return leader->cluster;
}

const struct cluster_state *leader_known(const struct leader *leader)
{
    return leader->ready ? leader->cluster : leader->last;
}

void leader_set_settings(struct leader *leader, const struct string_list *settings)
{
    node_link_set_settings(leader->link, settings);
}

struct node_link_stats leader_link_stats(const struct leader *leader)
{
    return node_link_stats(leader->link);
}

const struct histogram *leader_handling(const struct leader *leader)
{
    return node_link_handling(leader->link);
}

uint64_t leader_ended(const struct leader *leader, enum sandbox_reason reason)
{
    return leader->ended[reason];
}

struct leader_refused leader_refused(const struct leader *leader)
{
    return leader->refused;
}

void leader_dropped(const struct leader *leader, node_link_dropped_cb *cb, void *arg)
{
    node_link_dropped(leader->link, cb, arg);
}

void leader_certificates(const struct leader *leader, node_link_certificate_cb *cb, void *arg)
{
    node_link_certificates(leader->link, cb, arg);
}

void leader_waiting(const struct leader *leader, node_link_waiting_cb *cb, void *arg)
{
    node_link_waiting(leader->link, cb, arg);
}
