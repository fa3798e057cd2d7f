#include "controller/leader/cluster.h"

#include "controller/leader/cluster_int.h"
#include "controller/leader/dispatch.h"
#include "controller/leader/leader_row.h"

#include "common/io/log.h"
#include "common/base/mem.h"
#include "common/io/pki.h"

#include <stdlib.h>
#include <string.h>

void cluster_tick(struct cluster *c)
{
    if (c->ready)
        fleet_tick(c->fleet, loop_now_ms(), leader_effects(c->engine));
}

int cluster_new(struct cluster **out, const struct cluster_conf *conf, struct err *e)
{
    struct cluster *c = mem_zalloc(sizeof *c);
    c->loop = conf->loop;
    c->pool = conf->pool;
    c->admit = conf->admit;
    c->defaults = conf->defaults;
    c->keep_sample_days = conf->keep_sample_days;
    c->ca_file = mem_strdup(conf->link->ca_file);
    c->ca_key = conf->ca_key && conf->ca_key[0] ? mem_strdup(conf->ca_key) : NULL;
    STAILQ_INIT(&c->creates);
    STAILQ_INIT(&c->sweeps);
    STAILQ_INIT(&c->changes);
    int rc = node_link_new(&c->link, c->loop, conf->link, &cluster_link_ops, c, e);
    if (rc) {
        free(c->ca_file);
        free(c->ca_key);
        free(c);
        return rc;
    }
    c->engine = leader_engine_new(c->loop, &leader_dispatch_ops, c);
    c->waiters = waiters_new(c->loop);
    c->stats = stats_new();
    cluster_nodes_subscribe(c);
    cluster_sweep_subscribe(c);
    changes_subscribe(&c->changes, waiters_subscriber(c->waiters));
    *out = c;
    return 0;
}

void cluster_stop(struct cluster *c)
{
    if (!c || !c->waiters)
        return;
    cluster_unlead(c);
    cluster_creates_end(c, ERR_CANCELLED);
    changes_leave(&c->changes, waiters_subscriber(c->waiters));
    waiters_free(c->waiters);
    c->waiters = NULL;
}

void cluster_free(struct cluster *c)
{
    if (!c)
        return;
    cluster_stop(c);
    node_link_free(c->link);
    stats_free(c->stats);
    leader_engine_free(c->engine);
    free(c->ca_file);
    free(c->ca_key);
    cluster_left_out_fini(c);
    free(c);
}

bool cluster_ready(const struct cluster *c)
{
    return c->ready;
}

int cluster_settled(struct cluster *c, struct err *e)
{
    const struct place_request anything = {.enforce = ENFORCE_ALL};
    (void)err_set(e, ERR_NO_CAPACITY, "this controller has just begun to lead, and waits for its hosts");
    if (c->ready && !c->settled)
        c->settled = loop_now_ms() - c->ready_ms >= NODE_LINK_LEASE_MS ||
                     (c->joined && place(fleet_nodes(c->fleet), &anything, e));
    return c->settled ? 0 : e->code;
}

/* --- leadership --- */

struct reading {
    struct leader_ref asked;
    uint64_t asked_ms;
};

static struct reading *reading_new(struct cluster *c)
{
    struct reading *reading = mem_zalloc(sizeof *reading);
    *reading = (struct reading){leader_ref_of(c), loop_now_ms()};
    return reading;
}

/* The cluster, where it leads as it did then; else NULL. Frees it. */
static struct cluster *reading_end(struct reading *reading)
{
    struct cluster *c = leader_of(&reading->asked);
    free(reading);
    return c;
}

static void read_rows(void *arg);

static void listen_for_nodes(struct cluster *c)
{
    struct err e;
    if (node_link_start(c->link, c->epoch, &e)) {
        log_error("cluster", "cannot listen for hosts, trying again: %s", e.text);
        timer_start(&c->again, c->loop, CLUSTER_AGAIN_MS, read_rows, c);
        return;
    }
    c->ready = true;
    c->ready_ms = loop_now_ms();
    log_info("cluster", "leads with epoch %llu, %zu live sandboxes", (unsigned long long)c->epoch,
             fleet_count(c->fleet));
    cluster_refresh_begin(c);
}

static void on_rows(void *arg, int code, const struct err *e, const struct db_sandbox_row *rows, size_t count)
{
    uint64_t waited_ms = loop_now_ms() - ((struct reading *)arg)->asked_ms;
    struct cluster *c = reading_end(arg);
    if (!c)
        return;
    if (code) {
        log_warn("cluster", "the live sandboxes cannot be read, trying again: %s", e->text);
        timer_start(&c->again, c->loop, CLUSTER_AGAIN_MS, read_rows, c);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct fleet_row row = leader_row(&rows[i]);
        row.waited_ms = waited_ms;
        row.unwatched = c->unwatched;
        fleet_load(c->fleet, loop_now_ms(), &row);
    }
    cluster_nodes_begin(c);
    listen_for_nodes(c);
}

static void read_rows(void *arg)
{
    struct cluster *c = arg;
    db_sandbox_live(c->pool, on_rows, reading_new(c));
}

static void read_nodes(void *arg);

static void read_revocations(void *arg)
{
    cluster_trust_read(arg, read_rows, read_revocations);
}

/* The hosts first: a sandbox's row then finds its host, cordoned where it was. */
static void on_nodes(void *arg, int code, const struct err *e, const struct db_node_row *rows, size_t count)
{
    struct cluster *c = reading_end(arg);
    if (!c)
        return;
    struct fleet_effects unsaid = {0}; /* that a host is not here yet is no news */
    for (size_t i = 0; !code && i < count; i++) {
        fleet_node_mark(c->fleet, rows[i].name, rows[i].cordoned, rows[i].draining, &unsaid);
        if (strcmp(rows[i].state, node_state_name(NODE_UNREACHABLE)))
            fleet_node_expected(c->fleet, loop_now_ms(), rows[i].name);
    }
    fleet_effects_fini(&unsaid);
    cluster_trust_rows(c, rows, code ? 0 : count);
    if (!code)
        read_revocations(c);
    else
        timer_start(&c->again, c->loop, CLUSTER_AGAIN_MS, read_nodes, c);
}

static void read_nodes(void *arg)
{
    struct cluster *c = arg;
    db_node_rows(c->pool, on_nodes, reading_new(c));
}

void cluster_lead(struct cluster *c, uint64_t epoch)
{
    cluster_unlead(c);
    c->term++;
    c->epoch = epoch;
    db_pool_set_epoch(c->pool, epoch);
    c->fleet = fleet_new(NODE_LINK_LEASE_MS);
    c->trust = node_trust_new();
    cluster_clock_begin(c, read_nodes);
}

void cluster_unlead(struct cluster *c)
{
    if (!c->fleet)
        return;
    leader_engine_clear(c->engine);
    node_link_stop(c->link);
    timer_stop(&c->again);
    cluster_refresh_end(c);
    cluster_clock_end(c);
    db_pool_set_epoch(c->pool, 0);
    fleet_free(c->fleet);
    c->fleet = NULL;
    node_trust_free(c->trust);
    c->trust = NULL;
    c->ready = c->joined = c->settled = false;
    c->term++;
    c->placed = 0;
    cluster_creates_end(c, ERR_NOT_LEADING);
    cluster_sweeps_end(c, ERR_NOT_LEADING);
}

void cluster_node_mark(struct cluster *c, const char *node, bool cordoned, bool draining)
{
    if (c->fleet)
        fleet_node_mark(c->fleet, node, cordoned, draining, leader_effects(c->engine));
}

struct waiters *cluster_waiters(struct cluster *c)
{
    return c->waiters;
}

struct stats *cluster_stats(struct cluster *c)
{
    return c->stats;
}

const struct fleet *cluster_fleet(const struct cluster *c)
{
    return c->fleet;
}

void cluster_set_settings(struct cluster *c, const struct string_list *settings)
{
    node_link_set_settings(c->link, settings);
}

struct node_link_stats cluster_link_stats(const struct cluster *c)
{
    return node_link_stats(c->link);
}

struct cluster_refused cluster_refused(const struct cluster *c)
{
    return c->refused;
}

void cluster_dropped(const struct cluster *c, node_link_dropped_cb *cb, void *arg)
{
    node_link_dropped(c->link, cb, arg);
}
