/*
 * Runs the cluster while this controller leads: carries out the effects of the cluster state in PostgreSQL
 * and on the nodes, and feeds the answers back. The API's operations on sandboxes call it. On the loop.
 *
 * Lifecycle: new; lead (reads the live rows, then listens for nodes) when leadership is gained, suspend when
 * it is lost, unlead when another controller leads; stop and free. Callbacks fire once, never inside the
 * call.
 *
 * While it is suspended it does nothing that a leader does: it writes nothing and hears no node. What it
 * keeps is what it last knew of the live sandboxes, and the nodes' connections for streams, so that work
 * inside running sandboxes goes on (docs/streams.md, "While PostgreSQL is away"). A node ends its connection
 * itself as soon as another controller has welcomed it.
 */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_H
#define CORRAL_CONTROLLER_LEADER_LEADER_H

#include "controller/core/cluster_state.h"
#include "controller/core/stats.h"
#include "controller/core/warm_pool.h"
#include "controller/core/watched.h"
#include "controller/db/db_admit.h"
#include "controller/db/db_sandbox.h"
#include "controller/nodes/node_link.h"
#include "controller/streams/stream_hub.h"
#include "controller/leader/waiters.h"

struct leader;

/* Borrows everything, until leader_stop has returned; copies the strings of `link`. */
struct leader_conf {
    struct loop *loop;
    struct db_pool *pool;
    struct db_admit *admit;
    struct key_watch *keys;
    const struct db_defaults *defaults; /* the defaults in force */
    const struct node_link_conf *link;
    const uint64_t *keep_sample_days; /* in force */
    const char *ca_key; /* file of the CA key that renews certificates of nodes; NULL: none are renewed */
};

/* Counts of items that nodes reported and the database refused for good, since the start. */
struct leader_refused {
    uint64_t samples, violations;
};

/* *out is the caller's. Fails where the link's certificates cannot be used. */
int leader_new(struct leader **out, const struct leader_conf *conf, struct err *e) MUST_CHECK;
/*
 * Ends the lead and calls back every waiter. Call before freeing the pool and the admission: their cancel
 * callbacks use the leader. NULL is allowed.
 */
void leader_stop(struct leader *leader);
void leader_free(struct leader *leader); /* after the pool and the admission */

void leader_lead(struct leader *leader, uint64_t epoch);
/* The lead is lost; whether another controller leads is not known. */
void leader_suspend(struct leader *leader);
/* Another controller leads, or this one stops: all streams end, too. */
void leader_unlead(struct leader *leader);

/* Periodic work (controller/jobs/job_table.c). Each call does nothing until the leader is ready. */
void leader_tick(struct leader *leader);
void leader_warm_tick(struct leader *leader);         /* makes and removes members of the warm pool */
void leader_revocations_again(struct leader *leader); /* reads the revocations again if that failed */
void leader_tell_left_out(
    struct leader *leader); /* writes the events about items of nodes that were left out */
void leader_say_nodes_seen(struct leader *leader); /* writes which nodes are in session, and what they use */

/* Tells the nodes of which of these sandboxes they are to keep samples more densely; once a second. */
void leader_dense_tick(struct leader *leader, struct watched *watched);

/* Writes a sample of the system, for its history (leader_history.h). */
void leader_sample_system(struct leader *leader);
/* Writes the last one before this controller stops; true while that is under way. */
bool leader_flush_system(struct leader *leader);
/* A request was refused with this code; tier: of its caller, "" where nobody was known. */
void leader_count_refusal(struct leader *leader, const char *tier, int code);

struct leader_refused leader_refused(const struct leader *leader);

/* How many sandboxes have ended for this reason since the start. REASON_NONE: their end was asked for, and
 * their node told no other reason. */
uint64_t leader_ended(const struct leader *leader, enum sandbox_reason reason);

/* Whether it leads, has read the live rows, and listens for nodes. */
bool leader_ready(const struct leader *leader);

/*
 * Whether a create can be placed, or be refused with the true reason. 0 as soon as one node takes sandboxes,
 * and in any case one lease after the leader began to listen: a node that is still missing then is gone.
 * Before that ERR_NO_CAPACITY, with what it waits for.
 */
int leader_settled(struct leader *leader, struct err *e) MUST_CHECK;

/*
 * Takes a reading of PostgreSQL's clock, requested at asked_ms. If that clock was set, the rows are
 * corrected. Does nothing unless ready.
 */
void leader_clock(struct leader *leader, uint64_t asked_ms, int64_t unix_ms);
/*
 * The time by PostgreSQL's clock, in Unix milliseconds; by this machine's clock while the offset is not
 * known.
 */
uint64_t leader_wall_ms(const struct leader *leader);

/* How often PostgreSQL's clock was set since the start, and by how much the last time. */
struct leader_steps {
    uint64_t count;
    int64_t last_ms;
};
struct leader_steps leader_steps(const struct leader *leader);

/* Something may have been committed without an answer to this controller: compares the rows soon. */
void leader_refresh(struct leader *leader);

/*
 * Notifications of the database: the desired state of a sandbox changed ("ID GENERATION"); a node was marked.
 * The rows are read.
 */
void leader_told_desired(struct leader *leader, const char *text);
void leader_told_node(struct leader *leader);

/* A new sandbox's id. */
struct sandbox_id leader_new_id(const struct leader *leader);

/*
 * The id for a create: of a member of the warm pool (*warm) that the create is to take over, else a new one.
 * allowed: its tier has warm starts. A member's id goes to leader_create, or back by leader_return_id.
 */
struct sandbox_id leader_choose_id(struct leader *leader, const struct place_request *place,
                                   const struct warm_class *class, bool allowed, bool *warm);
void leader_return_id(struct leader *leader, const struct sandbox_id *id);

/* A create of this class, which a member could have served, was admitted for this user. */
void leader_asked_for(struct leader *leader, const struct warm_class *class, const char *user);

/* The warm pool: the policy in force (copied), and its figures, all zero while this controller does not lead.
 */
void leader_set_warm_policy(struct leader *leader, const struct warm_policy *policy);
struct warm_stats leader_warm_stats(const struct leader *leader);

/*
 * Places and admits a sandbox. request: everything but node, region and enforced, which are chosen here;
 * place: its requirements. The spec is copied; the caller keeps strings and lists of both until cb. cb is
 * called as by db_admit; on DB_ADMITTED the node is told at the end of this turn of the loop. ERR_NO_CAPACITY
 * where no node has room, ERR_NOT_LEADING where this controller does not lead, ERR_DATABASE_UNAVAILABLE at
 * once while the database takes no writes.
 */
void leader_create(struct leader *leader, const struct db_admit_request *request,
                   const struct place_request *place, db_admit_cb *cb, void *arg);

/*
 * As db_sandbox_set_desired and db_sandbox_patch; the node is told in the turn of cb. timed: the patch
 * changes when the sandbox ends.
 */
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
 * Cleans up the cluster and every node in session, after the cleanups that were requested before; takes at
 * most half a minute once begun. dry_run: only counts. actor: who requested it (borrowed until cb; always
 * audited), NULL for a periodic cleanup. ERR_NOT_LEADING where this controller does not lead,
 * ERR_RATE_LIMITED where too many wait.
 */
void leader_cleanup(struct leader *leader, const struct db_actor *actor, bool dry_run, leader_cleanup_cb *cb,
                    void *arg);

/* The sums of all cleanups since the start, with those of the nodes. Borrowed. */
const struct cleanup_counts *leader_cleaned(const struct leader *leader);

/*
 * Images: what an administrator changed holds at once; periodically everything is read again. What a whole
 * name stands for on every node ("": not known, or while it does not lead); borrowed until the next turn.
 */
void leader_images_changed(struct leader *leader);
void leader_image_asked(struct leader *leader, const char *ref); /* the same, where that is about one name */
void leader_images_tick(struct leader *leader);
/* Pulls that were ordered, since this process leads, by what became of them. */
struct leader_pulls {
    uint64_t pulled, failed;
};
struct leader_pulls leader_pulls(const struct leader *leader);

/* Of each node that told of its images: how many names it holds, and how many it pulls as ordered. */
typedef void leader_images_cb(void *arg, const char *node, uint64_t held, uint64_t pulling);
void leader_images_each(const struct leader *leader, leader_images_cb *cb, void *arg);

const char *leader_image_digest(const struct leader *leader, const char *ref);

/*
 * Reads again how nodes log in to registries, so that pulls from now on use what an administrator changed.
 * then: the next turn of the loop at the earliest; also where that failed, or this controller does not lead.
 */
typedef void leader_logins_cb(void *arg);
void leader_logins_read(struct leader *leader, leader_logins_cb *then, void *arg);

/* An administrator marked a node; the database has it already. */
void leader_node_mark(struct leader *leader, const char *node, bool cordoned, bool draining);

/*
 * An administrator revoked the node's certificates; the database has it already. Ends the node's session and
 * connections before it returns.
 */
void leader_node_revoke(struct leader *leader, const char *node);

/* An administrator removed the node; the database has it already. */
void leader_node_removed(struct leader *leader, const char *node);

/* Borrowed. */
struct waiters *leader_waiters(struct leader *leader);
struct stats *leader_stats(struct leader *leader);
const struct starts *leader_starts(const struct leader *leader);
struct stream_hub *leader_streams(struct leader *leader);
const struct cluster_state *leader_state(const struct leader *leader); /* NULL while it does not lead */
/*
 * Where the live sandboxes are, for opening streams: as leader_state once it is ready, before that and while
 * it is suspended as it was last known. NULL where nothing is known.
 */
const struct cluster_state *leader_known(const struct leader *leader);
/* Sets the settings that nodes get at their welcome; nodes in session get them, too. Copies. */
void leader_set_settings(struct leader *leader, const struct string_list *settings);

struct node_link_stats leader_link_stats(const struct leader *leader);
const struct histogram *leader_handling(const struct leader *leader); /* as node_link_handling */
void leader_dropped(const struct leader *leader, node_link_dropped_cb *cb, void *arg);
void leader_certificates(const struct leader *leader, node_link_certificate_cb *cb, void *arg);
void leader_waiting(const struct leader *leader, node_link_waiting_cb *cb, void *arg);

#endif
