/* Shared by the files of the leader. Private to controller/leader/. */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_INT_H
#define CORRAL_CONTROLLER_LEADER_LEADER_INT_H

#include "controller/leader/changes.h"
#include "controller/leader/engine.h"
#include "controller/leader/leader.h"
#include "controller/leader/leader_ref.h"

#include "common/io/boot_clock.h"
#include "controller/core/clock_watch.h"
#include "controller/core/node_trust.h"
#include "controller/db/db_history.h"
#include "controller/db/db_node.h"

#include <sys/queue.h>

#define CLUSTER_AGAIN_MS 1000 /* delay of the next try after a failed read */

struct create;
STAILQ_HEAD(create_list, create);

struct cleanup;
STAILQ_HEAD(cleanup_list, cleanup);

#define LEADER_ALONE 64

struct leader {
    struct loop *loop;
    struct db_pool *pool;
    struct db_admit *admit;
    const struct db_defaults *defaults;
    struct node_link *link;
    struct waiters *waiters;
    struct stats *stats;
    struct stream_hub *streams;
    struct cluster_state *cluster; /* NULL while it does not lead */
    struct node_trust *trust;      /* likewise */
    char *ca_file, *ca_key;        /* for renewing certificates of nodes; ca_key NULL: none are renewed */
    bool revocations_owed;         /* the revocations could not be read, and are read again */
    struct leader_engine *engine;
    struct move_batch *moves; /* moves.c: the moves gathered in this run of the engine; NULL: none */
    struct changes changes;
    struct change_subscriber stats_change, cleanup_change;
    struct timer again; /* the next try of a failed step at the start of a lead */
    uint64_t term;      /* rises with each gain and loss (leader_ref.h) */
    uint64_t epoch;
    bool ready;
    uint64_t ready_ms;
    bool joined, settled;     /* joined: a node's row is written; settled: leader_settled has returned 0 */
    struct clock_watch clock; /* leader_clock.c: PostgreSQL's clock, in this term */
    bool unwatched;           /* no controller watched that clock before */
    int64_t kept_ms, step_ms; /* the offset last stored; the step that the rows do not follow yet */
    bool stepping;            /* the correction of the rows is under way */
    struct leader_steps steps;
    char boot_id[BOOT_CLOCK_ID_MAX];
    loop_cb *clock_then;
    struct timer refresh; /* leader_refresh.c: the next reading */
    uint64_t refresh_at_ms;
    bool refreshing, marks_due; /* a reading is under way; marks have to be read soon */
    struct sandbox_id *behind;  /* rows to read */
    size_t behind_count;
    struct create_list creates; /* creates that wait for room which is reserved for unanswered ones */
    size_t creates_waiting;
    size_t placed;                /* creates with reserved room that the database has not answered */
    struct cleanup_list cleanups; /* the first one is under way */
    size_t cleanups_waiting;
    uint64_t cleanup_number;
    struct cleanup_counts cleaned; /* since the start */
    const uint64_t *keep_sample_days;
    struct leader_refused refused;
    uint64_t refused_said_ms;
    struct left_out *left_out;             /* by node */
    struct sandbox_id alone[LEADER_ALONE]; /* the latest sandboxes whose moves failed in the database */
    size_t alone_next;
};

/* leader_create.c: fails every create that still waits, at once. */
void leader_creates_end(struct leader *leader, int code);

/*
 * leader_nodes.c: the operations of the link, and the subscription that forgets the samples of ended
 * sandboxes.
 */
extern const struct node_link_ops leader_link_ops;
void leader_nodes_subscribe(struct leader *leader);
void leader_nodes_begin(struct leader *leader); /* the rows are read: forgets the samples of sandboxes that
                                                   ended under another leader */

/* leader_cleanup.c: the operation of the link, the subscription to changes, and the end of all that wait. */
void leader_on_cleanups(void *owner, const char *node, const struct cleanup_report *reports, size_t count);
void leader_cleanup_subscribe(struct leader *leader);
void leader_cleanups_end(struct leader *leader, int code);

/* leader_trust.c: operations of the link. */
bool leader_on_allowed(void *owner, const struct tls_who *who);
bool leader_on_believed(void *owner, const struct node_facts *facts, const struct sandbox_status *inventory,
                        size_t count);
void leader_on_contested(void *owner, const char *node, const char *address);
bool leader_on_expires(void *owner, const char *node, const uint8_t *certificate, size_t len, int64_t ends_s,
                       uint8_t **renewed, size_t *renewed_len);

/* Takes the marks that the database has of each node. */
void leader_trust_rows(struct leader *leader, const struct db_node_row *rows, size_t count);

/*
 * Reads the revocations. At the start of a lead: then calls `then`, or calls `again` in a second if the read
 * failed. Both are NULL while it leads.
 */
void leader_trust_read(struct leader *leader, loop_cb *then, loop_cb *again);

/* leader_left_out.c: the operation of the link. */
void leader_on_left_out(void *owner, const char *node, size_t count, const char *first);
void leader_left_out_fini(struct leader *leader);

/*
 * leader_clock.c: begin, at the start of a lead: reads PostgreSQL's clock, corrects the rows if it was set
 * since the last leader read it, then calls then(leader). end: when the lead is lost.
 */
void leader_clock_begin(struct leader *leader, loop_cb *then);
void leader_clock_end(struct leader *leader);

/* leader_refresh.c: starts and ends with the lead. */
void leader_refresh_begin(struct leader *leader);
void leader_refresh_end(struct leader *leader);

#endif
