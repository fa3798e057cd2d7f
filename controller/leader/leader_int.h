/*
 * The leader itself, which its files share. Private to controller/leader/; what a file offers to the others
 * is in its own header.
 */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_INT_H
#define CORRAL_CONTROLLER_LEADER_LEADER_INT_H

#include "controller/leader/changes.h"
#include "controller/leader/engine.h"
#include "controller/leader/leader.h"
#include "controller/leader/leader_ref.h"

#include "common/io/boot_clock.h"
#include "controller/core/clock_watch.h"
#include "controller/core/node_trust.h"
#include "controller/core/starts.h"
#include "controller/db/db_history.h"
#include "controller/db/db_node.h"

#include <sys/queue.h>

#define LEADER_AGAIN_MS 1000 /* delay of the next try after a failed read */

struct create;
STAILQ_HEAD(create_list, create);

struct leader_digests;
struct leader_images;
struct leader_logins;
struct leader_told;

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
    struct leader_history *history;
    struct starts *starts; /* leader_starts.c */
    struct leader_images *images;
    struct leader_digests *digests;
    struct leader_logins *logins;
    struct leader_told *told;
    struct stream_hub *streams;
    struct cluster_state *cluster; /* NULL while it does not lead */
    struct cluster_state *last;    /* of the previous lead, until this one is ready; NULL: none */
    struct timer kept;        /* the end of the time that nodes with kept connections have for a session */
    struct node_trust *trust; /* likewise */
    char *ca_file, *ca_key;   /* for renewing certificates of nodes; ca_key NULL: none are renewed */
    bool revocations_owed;    /* the revocations could not be read, and are read again */
    struct leader_engine *engine;
    struct warm_policy warm;  /* in force */
    uint64_t floors_due_ms;   /* leader_floors.c: when they are read next */
    bool floors_asked;        /* the answer is awaited */
    struct move_batch *moves; /* moves.c: the moves gathered in this run of the engine; NULL: none */
    struct changes changes;
    struct change_subscriber stats_change, starts_change, cleanup_change;
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
    uint64_t ended[SANDBOX_REASON_COUNT]; /* sandboxes, by the reason that their node told */
    uint64_t refused_said_ms;
    struct left_out *left_out;             /* by node */
    struct trace_table *traces;            /* leader_trace.c */
    struct sandbox_id alone[LEADER_ALONE]; /* the latest sandboxes whose moves failed in the database */
    size_t alone_next;
};

#endif
