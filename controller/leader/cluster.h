/*
 * The cluster as the leading controller runs it: carries the fleet's decisions to PostgreSQL and to the
 * hosts, and their answers back. What the API's operations on sandboxes stand on. On the loop.
 *
 * Lifecycle: new; lead (reads the live rows, then listens for hosts) when leadership is gained, unlead when
 * it is lost; stop and free. Callbacks fire once, never inside the call.
 */
#ifndef CORRAL_CONTROLLER_LEADER_CLUSTER_H
#define CORRAL_CONTROLLER_LEADER_CLUSTER_H

#include "controller/core/fleet.h"
#include "controller/core/stats.h"
#include "controller/db/db_admit.h"
#include "controller/db/db_sandbox.h"
#include "controller/nodes/node_link.h"
#include "controller/leader/waiters.h"

struct cluster;

/* Borrows all, which outlive cluster_stop; copies link_conf's strings (through the link). */
struct cluster_conf {
    struct loop *loop;
    struct db_pool *pool;
    struct db_admit *admit;
    const struct db_defaults *defaults; /* those in force */
    const struct node_link_conf *link;
    const uint64_t *keep_sample_days; /* in force */
    const char *ca_key; /* file of the key with which certificates of hosts are renewed; NULL: none are */
};

/* What hosts told and the database could not take, ever, since the start. */
struct cluster_refused {
    uint64_t samples, violations;
};

/* *out is the caller's. Fails where the link's certificates cannot be used. */
int cluster_new(struct cluster **out, const struct cluster_conf *conf, struct err *e) MUST_CHECK;
/*
 * Before the pool and the admission go, which answer into the cluster what they still hold: leads no more,
 * and ends whoever waits. NULL is allowed.
 */
void cluster_stop(struct cluster *cluster);
void cluster_free(struct cluster *cluster); /* after them */

void cluster_lead(struct cluster *cluster, uint64_t epoch);
void cluster_unlead(struct cluster *cluster);

/* Its periodic work (controller/jobs/job_table.c): nothing while it is not ready. */
void cluster_tick(struct cluster *cluster);              /* about once a second: fleet_tick */
void cluster_revocations_again(struct cluster *cluster); /* reads what was revoked, where that failed */
void cluster_tell_left_out(struct cluster *cluster); /* to the database: what of hosts could not be taken */
void cluster_say_nodes_seen(
    struct cluster *cluster); /* likewise: which hosts are in session, what they use */

struct cluster_refused cluster_refused(const struct cluster *cluster);

/* It leads, has read the live rows, and listens. */
bool cluster_ready(const struct cluster *cluster);

/*
 * Of one that is ready: whether a create would find a host. 0 from the first host on that takes sandboxes;
 * and a lease after it began to listen in any case, for whoever it would be waiting for is gone: from then on
 * creates say themselves what is missing. Else ERR_NO_CAPACITY, with what it waits for.
 */
int cluster_settled(struct cluster *cluster, struct err *e) MUST_CHECK;

/* While it leads: what PostgreSQL's clock said after it was asked at asked_ms. Where it was set, the rows
 * follow. */
void cluster_clock(struct cluster *cluster, uint64_t asked_ms, int64_t unix_ms);
/* PostgreSQL's clock, by which all times are told; this machine's where that is not known. Unix milliseconds.
 */
uint64_t cluster_wall_ms(const struct cluster *cluster);

/* How often PostgreSQL's clock was set since the start, and by how much last. */
struct cluster_steps {
    uint64_t count;
    int64_t last_ms;
};
struct cluster_steps cluster_steps(const struct cluster *cluster);

/* Something may have been committed that this controller was not told of: the rows are compared, soon. */
void cluster_refresh(struct cluster *cluster);

/* Somebody wants something else of a sandbox ("ID GENERATION"), or marked a host: that is read. */
void cluster_told_want(struct cluster *cluster, const char *text);
void cluster_told_node(struct cluster *cluster);

/*
 * Places and admits a sandbox. request: all but id, node, region and enforced, which are chosen here; place:
 * its wishes. The spec is copied; strings and lists of both stay the caller's until cb. cb as of db_admit; on
 * DB_ADMITTED the host is told at the end of this turn of the loop. ERR_NO_CAPACITY where no host has room,
 * ERR_NOT_LEADING where this controller does not lead, ERR_DATABASE_UNAVAILABLE at once where the database is
 * known to take no writes.
 */
void cluster_create(struct cluster *cluster, const struct db_admit_request *request,
                    const struct place_request *place, db_admit_cb *cb, void *arg);

/* As db_sandbox_want and db_sandbox_patch; the host is told in the turn of cb. timed: the patch says when it
 * ends. */
void cluster_want(struct cluster *cluster, const char *id, const char *owner, enum want_state want,
                  enum sandbox_reason reason, const struct db_actor *actor, db_sandbox_cb *cb, void *arg);
void cluster_patch(struct cluster *cluster, const char *id, const char *owner, const char *patch, bool timed,
                   const struct db_actor *actor, db_sandbox_cb *cb, void *arg);

/* What a sweep came to. */
struct cluster_swept {
    bool dry_run;
    struct sweep_counts counts;
    uint64_t duration_ms;
};
typedef void cluster_sweep_cb(void *arg, int code, const struct err *e, const struct cluster_swept *swept);

/*
 * Sweeps the cluster and every host in session, after those that were asked for before; within half a minute
 * of its beginning. dry_run: counts only. actor: who asked for it (borrowed until cb; it is audited in any
 * case), NULL for a sweep in its time. ERR_NOT_LEADING where this controller does not lead, ERR_RATE_LIMITED
 * where too many wait.
 */
void cluster_sweep(struct cluster *cluster, const struct db_actor *actor, bool dry_run, cluster_sweep_cb *cb,
                   void *arg);

/* What all sweeps came to since the start, those of the hosts included. Borrowed. */
const struct sweep_counts *cluster_swept(const struct cluster *cluster);

/* An administrator marked a node (the database knows it already). */
void cluster_node_mark(struct cluster *cluster, const char *node, bool cordoned, bool draining);

/* An administrator revoked its certificates (the database knows it already): its session and its connections
 * end in this call. */
void cluster_node_revoke(struct cluster *cluster, const char *node);

/* An administrator removed it (likewise). */
void cluster_node_removed(struct cluster *cluster, const char *node);

/* Borrowed. */
struct waiters *cluster_waiters(struct cluster *cluster);
struct stats *cluster_stats(struct cluster *cluster);
const struct fleet *cluster_fleet(const struct cluster *cluster); /* NULL while it does not lead */
/* What hosts are told at their welcome, from now on; those that are here hear it too. Copies. */
void cluster_set_settings(struct cluster *cluster, const struct string_list *settings);

struct node_link_stats cluster_link_stats(const struct cluster *cluster);
void cluster_dropped(const struct cluster *cluster, node_link_dropped_cb *cb, void *arg);

#endif
