/* What the files of the cluster share. Private to cluster*.c. */
#ifndef CORRAL_CONTROLLER_CLUSTER_INT_H
#define CORRAL_CONTROLLER_CLUSTER_INT_H

#include "controller/cluster.h"

#include "controller/db/db_history.h"
#include "controller/db/db_node.h"

#include <sys/queue.h>

struct create;
STAILQ_HEAD(create_list, create);

struct sweep;
STAILQ_HEAD(sweep_list, sweep);

struct cluster {
    struct loop *loop;
    struct db_pool *pool;
    struct db_admit *admit;
    const struct db_defaults *defaults;
    struct node_link *link;
    struct waiters *waiters;
    struct stats *stats;
    struct fleet *fleet; /* NULL while it does not lead */
    struct fleet_effects effects;
    struct timer tick;
    unsigned ticks;
    uint64_t term; /* rises with each gain and loss: answers of an earlier one are not for this fleet */
    uint64_t epoch;
    bool ready;
    struct create_list creates; /* that wait for room which others hold until they are answered */
    size_t creates_waiting;
    size_t placed;            /* that hold room, and are with the database */
    struct sweep_list sweeps; /* the first is under way */
    size_t sweeps_waiting;
    uint64_t sweep_number;
    struct sweep_counts swept; /* since the start */
    const uint64_t *keep_sample_days;
    struct cluster_refused refused;
    uint64_t refused_said_ms;
};

/* cluster_effects.c: carries out what the fleet asked for. Call after each event that it was given. */
void cluster_run_effects(struct cluster *c);

/* cluster_create.c: ends every create that still waits, at once. */
void cluster_creates_end(struct cluster *c, int code);

/* cluster_nodes.c: what the link calls. */
extern const struct node_link_ops cluster_link_ops;

/* cluster_sweep.c: what the link calls, what the fleet's effects tell, and the end of all that wait. */
void cluster_on_sweeps(void *owner, const char *node, const struct sweep_report *reports, size_t count);
void cluster_sweep_node_gone(struct cluster *c, const char *node);
void cluster_sweep_row_ended(struct cluster *c, enum sweep_kind kind);
void cluster_sweeps_end(struct cluster *c, int code);

/* cluster.c: as the fleet takes it; borrows. */
struct fleet_row cluster_fleet_row(const struct db_sandbox_row *row);

/* Says to the database which hosts were heard, with what they use. */
void cluster_say_nodes_seen(struct cluster *c);

#endif
