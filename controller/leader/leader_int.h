/* What the files of the cluster share. Private to cluster*.c. */
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

#define CLUSTER_AGAIN_MS 1000 /* until then */

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
    char *ca_file, *ca_key;        /* to renew the certificates of nodes with; ca_key NULL: it does not */
    bool revocations_owed;         /* what was revoked could not be read: again */
    struct leader_engine *engine;
    struct move_batch *moves; /* moves.c: gathered in this run of the engine; NULL: none */
    struct changes changes;
    struct change_subscriber stats_change, cleanup_change;
    struct timer again; /* the next try of what a lead begins with */
    uint64_t term;      /* rises with each gain and loss (leader_ref.h) */
    uint64_t epoch;
    bool ready;
    uint64_t ready_ms;
    bool joined, settled;     /* a node has its row; leader_settled has said so */
    struct clock_watch clock; /* leader_clock.c: PostgreSQL's, of this term */
    bool unwatched;           /* …and nobody watched it before */
    int64_t kept_ms, step_ms; /* …as it was kept; by how much it was set, and the rows do not follow yet */
    bool stepping;            /* they are told to */
    struct leader_steps steps;
    char boot_id[BOOT_CLOCK_ID_MAX];
    loop_cb *clock_then;
    struct timer refresh; /* leader_refresh.c: the next reading, */
    uint64_t refresh_at_ms;
    bool refreshing, marks_due; /* …one is under way; marks are to be read soon */
    struct sandbox_id *behind;  /* rows to read */
    size_t behind_count;
    struct create_list creates; /* that wait for room which others hold until they are answered */
    size_t creates_waiting;
    size_t placed;                /* that hold room, and are with the database */
    struct cleanup_list cleanups; /* the first is under way */
    size_t cleanups_waiting;
    uint64_t cleanup_number;
    struct cleanup_counts cleaned; /* since the start */
    const uint64_t *keep_sample_days;
    struct leader_refused refused;
    uint64_t refused_said_ms;
    struct left_out *left_out; /* by node */
    struct sandbox_id
        alone[LEADER_ALONE]; /* whose moves the database could not take with others, the latest */
    size_t alone_next;
};

/* leader_create.c: ends every create that still waits, at once. */
void leader_creates_end(struct leader *leader, int code);

/* leader_nodes.c: what the link calls; forgets the figures of sandboxes that ended. */
extern const struct node_link_ops leader_link_ops;
void leader_nodes_subscribe(struct leader *leader);
void leader_nodes_begin(
    struct leader *leader); /* the rows are read: likewise of those that ended without us */

/* leader_cleanup.c: what the link calls, what it hears of changes, and the end of all that wait. */
void leader_on_cleanups(void *owner, const char *node, const struct cleanup_report *reports, size_t count);
void leader_cleanup_subscribe(struct leader *leader);
void leader_cleanups_end(struct leader *leader, int code);

/* leader_trust.c: what the link asks. */
bool leader_on_allowed(void *owner, const struct tls_who *who);
bool leader_on_believed(void *owner, const struct node_facts *facts, const struct sandbox_status *inventory,
                        size_t count);
void leader_on_contested(void *owner, const char *node, const char *address);
bool leader_on_expires(void *owner, const char *node, const uint8_t *certificate, size_t len, int64_t ends_s,
                       uint8_t **renewed, size_t *renewed_len);

/* What the database knows nodes by. */
void leader_trust_rows(struct leader *leader, const struct db_node_row *rows, size_t count);

/* Reads what was revoked. At the beginning of a lead: then goes on with `then`, or tries `again` in a second;
 * both NULL while it leads. */
void leader_trust_read(struct leader *leader, loop_cb *then, loop_cb *again);

/* leader_left_out.c: what the link calls. */
void leader_on_left_out(void *owner, const char *node, size_t count, const char *first);
void leader_left_out_fini(struct leader *leader);

/*
 * leader_clock.c: at the beginning of a lead, looks how PostgreSQL's clock is, has the rows follow where it
 * was set since anybody last looked, then calls then(leader); without the lead.
 */
void leader_clock_begin(struct leader *leader, loop_cb *then);
void leader_clock_end(struct leader *leader);

/* leader_refresh.c: with the lead; without it. */
void leader_refresh_begin(struct leader *leader);
void leader_refresh_end(struct leader *leader);

#endif
