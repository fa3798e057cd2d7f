#include "controller/leader/cluster.h"

#include "controller/leader/cluster_int.h"

#include "common/io/log.h"
#include "common/base/mem.h"
#include "common/io/pki.h"

#include <stdlib.h>
#include <string.h>

#define SEEN_TICKS 5 /* between words to the database on the hosts */

static void on_tick(void *arg)
{
    struct cluster *c = arg;
    timer_start(&c->tick, c->loop, CLUSTER_TICK_MS, on_tick, c);
    fleet_tick(c->fleet, loop_now_ms(), &c->effects);
    cluster_run_effects(c);
    c->ticks++;
    if (c->revocations_owed)
        cluster_trust_read(c, NULL);
    if (c->ticks % SEEN_TICKS == 0)
        cluster_say_nodes_seen(c);
    cluster_tell_left_out(c);
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
    int rc = node_link_new(&c->link, c->loop, conf->link, &cluster_link_ops, c, e);
    if (rc) {
        free(c->ca_file);
        free(c->ca_key);
        free(c);
        return rc;
    }
    c->waiters = waiters_new(c->loop);
    c->stats = stats_new();
    *out = c;
    return 0;
}

void cluster_stop(struct cluster *c)
{
    if (!c || !c->waiters)
        return;
    cluster_unlead(c);
    cluster_creates_end(c, ERR_CANCELLED);
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
    fleet_effects_fini(&c->effects);
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
    struct cluster *cluster;
    uint64_t term, asked_ms;
};

static struct reading *reading_new(struct cluster *c)
{
    struct reading *reading = mem_zalloc(sizeof *reading);
    reading->cluster = c;
    reading->asked_ms = loop_now_ms();
    reading->term = c->term;
    return reading;
}

/* Its cluster, or NULL where what was read is of an earlier term. Frees it. */
static struct cluster *reading_end(struct reading *reading)
{
    struct cluster *c = reading->cluster;
    bool ours = c->fleet && reading->term == c->term;
    free(reading);
    return ours ? c : NULL;
}

struct fleet_row cluster_fleet_row(const struct db_sandbox_row *r)
{
    return (struct fleet_row){.id = r->id,
                              .user = r->user_id,
                              .node = r->node,
                              .generation = r->generation,
                              .want = r->want,
                              .want_reason = r->want_reason,
                              .state = r->state,
                              .remaining_ms = r->remaining_ms,
                              .rescheduled = r->rescheduled,
                              .expires_ms = r->expires_ms,
                              .limits = r->limits,
                              .spec = r->spec,
                              .spec_len = r->spec_len};
}

static void listen_for_nodes(struct cluster *c)
{
    struct err e;
    if (node_link_start(c->link, c->epoch, &e)) {
        log_error("cluster", "cannot listen for hosts, trying again: %s", e.text);
        timer_start(&c->tick, c->loop, CLUSTER_TICK_MS, cluster_read_rows, c);
        return;
    }
    c->ready = true;
    c->ready_ms = loop_now_ms();
    log_info("cluster", "leads with epoch %llu, %zu live sandboxes", (unsigned long long)c->epoch,
             fleet_count(c->fleet));
    timer_start(&c->tick, c->loop, CLUSTER_TICK_MS, on_tick, c);
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
        timer_start(&c->tick, c->loop, CLUSTER_TICK_MS, cluster_read_rows, c);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct fleet_row row = cluster_fleet_row(&rows[i]);
        row.waited_ms = waited_ms;
        row.unwatched = c->unwatched;
        fleet_load(c->fleet, loop_now_ms(), &row);
    }
    listen_for_nodes(c);
}

void cluster_read_rows(void *arg)
{
    struct cluster *c = arg;
    db_sandbox_live(c->pool, on_rows, reading_new(c));
}

static void read_nodes(void *arg);

static void read_revocations(void *arg)
{
    cluster_trust_read(arg, read_revocations);
}

/* The hosts first: a sandbox's row then finds its host, cordoned where it was. */
static void on_nodes(void *arg, int code, const struct err *e, const struct db_node_row *rows, size_t count)
{
    struct cluster *c = reading_end(arg);
    if (!c)
        return;
    for (size_t i = 0; !code && i < count; i++) {
        fleet_node_mark(c->fleet, rows[i].name, rows[i].cordoned, rows[i].draining, &c->effects);
        if (strcmp(rows[i].state, node_state_name(NODE_UNREACHABLE)))
            fleet_node_expected(c->fleet, loop_now_ms(), rows[i].name);
    }
    fleet_effects_clear(&c->effects); /* that a host is not here yet is no news */
    cluster_trust_rows(c, rows, code ? 0 : count);
    if (!code)
        read_revocations(c);
    else
        timer_start(&c->tick, c->loop, CLUSTER_TICK_MS, read_nodes, c);
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
    node_link_stop(c->link);
    timer_stop(&c->tick);
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
    fleet_effects_clear(&c->effects);
}

/* --- changes --- */

struct change {
    struct cluster *cluster;
    uint64_t term, asked_ms;
    bool timed; /* when it ends is part of it */
    db_sandbox_cb *cb;
    void *arg;
};

static struct change *change_new(struct cluster *c, db_sandbox_cb *cb, void *arg)
{
    struct change *change = mem_zalloc(sizeof *change);
    *change = (struct change){.cluster = c, .term = c->term, .asked_ms = loop_now_ms(), .cb = cb, .arg = arg};
    return change;
}

static enum sandbox_state wanted_state(enum want_state want)
{
    return want == WANT_PAUSED ? SANDBOX_PAUSED : want == WANT_RUNNING ? SANDBOX_RUNNING : SANDBOX_STOPPED;
}

static void on_changed(void *arg, int code, const struct err *e, const struct db_sandbox_row *row,
                       const char *json)
{
    struct change *change = arg;
    struct cluster *c = change->cluster;
    bool ours = c->fleet && change->term == c->term;
    if (code == ERR_DATABASE_UNAVAILABLE && ours)
        cluster_refresh(c); /* it may have been committed all the same */
    if (!code && ours) {
        struct fleet_row fleet_row = cluster_fleet_row(row);
        fleet_row.waited_ms = loop_now_ms() - change->asked_ms;
        fleet_row.time = change->timed ? FLEET_TIME_GIVEN : FLEET_TIME_KEPT;
        fleet_wanted(c->fleet, loop_now_ms(), &fleet_row, &c->effects);
        cluster_run_effects(c);
        waiters_tell(c->waiters, &row->id, row->state, json);
        waiters_want(c->waiters, &row->id, wanted_state(row->want));
    }
    change->cb(change->arg, code, e, row, json);
    free(change);
}

void cluster_want(struct cluster *c, const char *id, const char *owner, enum want_state want,
                  enum sandbox_reason reason, const struct db_actor *actor, db_sandbox_cb *cb, void *arg)
{
    db_sandbox_want(c->pool, id, owner, want, reason, actor, on_changed, change_new(c, cb, arg));
}

void cluster_patch(struct cluster *c, const char *id, const char *owner, const char *patch, bool timed,
                   const struct db_actor *actor, db_sandbox_cb *cb, void *arg)
{
    struct change *change = change_new(c, cb, arg);
    change->timed = timed;
    db_sandbox_patch(c->pool, id, owner, patch, c->defaults, actor, on_changed, change);
}

void cluster_node_mark(struct cluster *c, const char *node, bool cordoned, bool draining)
{
    if (!c->fleet)
        return;
    fleet_node_mark(c->fleet, node, cordoned, draining, &c->effects);
    cluster_run_effects(c);
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
