/*
 * The cluster as the leading controller runs it: carries the cluster state's decisions to PostgreSQL and to
 * the nodes, and their answers back. What the API's operations on sandboxes stand on. On the loop.
 *
 * Lifecycle: new; lead (reads the live rows, then listens for nodes) when leadership is gained, unlead when
 * it is lost; stop and free. Callbacks fire once, never inside the call.
 */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_H
#define CORRAL_CONTROLLER_LEADER_LEADER_H

#include "controller/core/cluster_state.h"
#include "controller/core/stats.h"
#include "controller/db/db_admit.h"
#include "controller/db/db_sandbox.h"
#include "controller/nodes/node_link.h"
#include "controller/streams/stream_hub.h"
#include "controller/leader/waiters.h"

struct leader;

/* Borrows all, which outlive leader_stop; copies link_conf's strings (through the link). */
struct leader_conf {
    struct loop *loop;
    struct db_pool *pool;
    struct db_admit *admit;
    const struct db_defaults *defaults; /* those in force */
    const struct node_link_conf *link;
    const uint64_t *keep_sample_days; /* in force */
    const char *ca_key; /* file of the key with which certificates of nodes are renewed; NULL: none are */
};

/* What nodes told and the database could not take, ever, since the start. */
struct leader_refused {
    uint64_t samples, violations;
};

/* *out is the caller's. Fails where the link's certificates cannot be used. */
int leader_new(struct leader **out, const struct leader_conf *conf, struct err *e) MUST_CHECK;
/*
 * Before the pool and the admission go, which answer into the cluster what they still hold: leads no more,
 * and ends anyone who waits. NULL is allowed.
 */
void leader_stop(struct leader *leader);
void leader_free(struct leader *leader); /* after them */

void leader_lead(struct leader *leader, uint64_t epoch);
void leader_unlead(struct leader *leader);

/* Its periodic work (controller/jobs/job_table.c): nothing while it is not ready. */
void leader_tick(struct leader *leader);              /* about once a second: cluster_state_tick */
void leader_revocations_again(struct leader *leader); /* reads what was revoked, where that failed */
void leader_tell_left_out(struct leader *leader);     /* to the database: what of nodes could not be taken */
void leader_say_nodes_seen(struct leader *leader); /* likewise: which nodes are in session, what they use */

struct leader_refused leader_refused(const struct leader *leader);

/* It leads, has read the live rows, and listens. */
bool leader_ready(const struct leader *leader);

/*
 * Of one that is ready: whether a create would find a node. 0 from the first node on that takes sandboxes;
 * and a lease after it began to listen in any case, for anyone it would be waiting for is gone: from then on
 * creates say themselves what is missing. Else ERR_NO_CAPACITY, with what it waits for.
 */
int leader_settled(struct leader *leader, struct err *e) MUST_CHECK;

/* While it leads: what PostgreSQL's clock said after it was asked at asked_ms. Where it was set, the rows
 * follow. */
void leader_clock(struct leader *leader, uint64_t asked_ms, int64_t unix_ms);
/* PostgreSQL's clock, by which all times are told; this machine's where that is not known. Unix milliseconds.
 */
uint64_t leader_wall_ms(const struct leader *leader);

/* How often PostgreSQL's clock was set since the start, and by how much last. */
struct leader_steps {
    uint64_t count;
    int64_t last_ms;
};
struct leader_steps leader_steps(const struct leader *leader);

/* Something may have been committed that this controller was not told of: the rows are compared, soon. */
void leader_refresh(struct leader *leader);

/* Somebody wants something else of a sandbox ("ID GENERATION"), or marked a node: that is read. */
void leader_told_desired(struct leader *leader, const char *text);
void leader_told_node(struct leader *leader);

/*
 * Places and admits a sandbox. request: all but id, node, region and enforced, which are chosen here; place:
 * its wishes. The spec is copied; strings and lists of both stay the caller's until cb. cb as of db_admit; on
 * DB_ADMITTED the node is told at the end of this turn of the loop. ERR_NO_CAPACITY where no node has room,
 * ERR_NOT_LEADING where this controller does not lead, ERR_DATABASE_UNAVAILABLE at once where the database is
 * known to take no writes.
 */
void leader_create(struct leader *leader, const struct db_admit_request *request,
                   const struct place_request *place, db_admit_cb *cb, void *arg);

/* As db_sandbox_set_desired and db_sandbox_patch; the node is told in the turn of cb. timed: the patch says
 * when it ends. */
void leader_desired(struct leader *leader, const char *id, const char *owner, enum desired desired,
                    enum sandbox_reason reason, const struct db_actor *actor, db_sandbox_cb *cb, void *arg);
void leader_patch(struct leader *leader, const char *id, const char *owner, const char *patch, bool timed,
                  const struct db_actor *actor, db_sandbox_cb *cb, void *arg);

/* The result of a cleanup. */
struct leader_cleaned {
    bool dry_run;
    struct cleanup_counts counts;
    uint64_t duration_ms;
};
typedef void leader_cleanup_cb(void *arg, int code, const struct err *e,
                               const struct leader_cleaned *cleaned);

/*
 * Cleans up the cluster and every node in session, after those that were asked for before; within half a
 * minute of its beginning. dry_run: counts only. actor: who asked for it (borrowed until cb; it is audited in
 * any case), NULL for a cleanup in its time. ERR_NOT_LEADING where this controller does not lead,
 * ERR_RATE_LIMITED where too many wait.
 */
void leader_cleanup(struct leader *leader, const struct db_actor *actor, bool dry_run, leader_cleanup_cb *cb,
                    void *arg);

/* The results of all cleanups since the start, those of the nodes included. Borrowed. */
const struct cleanup_counts *leader_cleaned(const struct leader *leader);

/* An administrator marked a node (the database knows it already). */
void leader_node_mark(struct leader *leader, const char *node, bool cordoned, bool draining);

/* An administrator revoked its certificates (the database knows it already): its session and its connections
 * end in this call. */
void leader_node_revoke(struct leader *leader, const char *node);

/* An administrator removed it (likewise). */
void leader_node_removed(struct leader *leader, const char *node);

/* Borrowed. */
struct waiters *leader_waiters(struct leader *leader);
struct stats *leader_stats(struct leader *leader);
struct stream_hub *leader_streams(struct leader *leader);
const struct cluster_state *leader_state(const struct leader *leader); /* NULL while it does not lead */
/* What nodes are told at their welcome, from now on; those that are here hear it too. Copies. */
void leader_set_settings(struct leader *leader, const struct string_list *settings);

struct node_link_stats leader_link_stats(const struct leader *leader);
void leader_dropped(const struct leader *leader, node_link_dropped_cb *cb, void *arg);

#endif
