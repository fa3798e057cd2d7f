/*
 * The warm pool: containers that stand ready on the nodes, each with the id of the sandbox that will take it
 * over. A member has a row in the database from before its container is made until its container is gone, or
 * until an admission takes the row and writes a sandbox's. It is counted against nobody. Pure; a part of the
 * cluster state, whose effects it appends. warm_pool_int.h has the states of a member.
 *
 * How many there are: of the base image warm_min on each node; of a class that has a floor so many in all; of
 * each class as many in all as were asked for in the busiest ten seconds of the last ten minutes, or its fair
 * share of warm_max where all together ask for more. Fewer where a node lacks room: what sandboxes reserve
 * comes first, and a member is removed when they need its room. One is made on a node at a time, and none
 * while a sandbox starts there, except one in five seconds where sandboxes start all the time. Those of a
 * silent node do not count.
 */
#ifndef CORRAL_CONTROLLER_CORE_WARM_POOL_H
#define CORRAL_CONTROLLER_CORE_WARM_POOL_H

#include "controller/core/cluster_state.h"
#include "controller/core/warm_demand.h"

/* What one member is allowed and what it counts for on its node, beside its disk. Measured: about 1 MiB of
 * its own. */
#define WARM_MEMORY_BYTES (64u << 20)

/* Open files of a member: its init lowers them when it is handed out, and cannot raise them. */
#define WARM_NOFILE 16384

/* How long a member stands before another takes its place. */
#define WARM_LIFE_MS (6 * 3600 * 1000ull)

/* Whether any member can become what is asked for: not with a runtime of its own, or with more open files. */
static inline bool warm_serves(const struct place_request *request)
{
    return !request->runtime && request->limits.nofile <= WARM_NOFILE;
}

/* The configuration in force. */
struct warm_policy {
    struct warm_class base; /* the class of a sandbox that asks for nothing */
    uint64_t min;           /* of that class, on each node */
    uint64_t max;           /* of all classes, on each node; 0: there is no pool */
};

/* A member's row. Strings are borrowed. */
struct warm_row {
    struct sandbox_id id;
    const char *node;
    struct warm_class class;
};

/* Why a create took no member. */
enum warm_miss {
    WARM_MISS_TIER,  /* its tier has no warm starts */
    WARM_MISS_KIND,  /* a runtime of its own, or more open files: no member can be like it */
    WARM_MISS_EMPTY, /* no member of its class stands ready */
    WARM_MISS_NODE,  /* the nodes of those are full, cordoned, or not what it asks for */
    WARM_MISS_COUNT
};

struct warm_stats {
    size_t ready, making; /* members now; making: all that are neither ready nor taken */
    uint64_t taken, fallbacks,
        misses[WARM_MISS_COUNT]; /* since this controller leads; fallbacks: taken, and started cold */
    uint64_t made, died;
};

/* The public name of a miss. Static. */
const char *warm_miss_name(enum warm_miss miss);

#endif
