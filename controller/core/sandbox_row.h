/*
 * A sandbox's row of the database, and what the core asks to be committed of it: the structs that the core,
 * the leader and db/ share. What its node is to hear is one struct in all of them, the one that travels
 * (struct desired_state). Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_SANDBOX_ROW_H
#define CORRAL_CONTROLLER_CORE_SANDBOX_ROW_H

#include "common/model/node_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the statement that returned a row did to its deadline. */
enum row_time {
    ROW_TIME_READ,  /* only read it: another request may have changed it since */
    ROW_TIME_GIVEN, /* set it: remaining_ms and expires_ms were computed from the same clock reading */
    ROW_TIME_KEPT   /* left it as it was in the generation before */
};

/* A row as it was read, or as a change left it. Strings and spec are borrowed. */
struct sandbox_row {
    struct desired_state desired; /* remaining_ms is by PostgreSQL's clock; after a change there is no spec */
    const char *user;             /* its owner */
    const char *tier;             /* its owner's when it was created; NULL: not told */
    const char *node;
    enum sandbox_state state;
    bool rescheduled;   /* it was placed a second time: its new node may not know it yet */
    bool warm;          /* it took over a member of the warm pool: its node may know that only */
    int64_t expires_ms; /* the deadline itself, Unix time by PostgreSQL's clock; 0: unknown */
    const char *json;   /* the object for people; NULL in a reading of all live rows */

    /* Set by the caller that asked for the row. */
    enum row_time time;
    uint64_t waited_ms; /* upper bound on the age of remaining_ms: the time from the request to its answer */
    bool unwatched;     /* no leader watched PostgreSQL's clock since the row was written */
};

/* A move of the state that the database is asked to commit: compare-and-set, with its one event. */
struct sandbox_move {
    enum sandbox_state from, to; /* refused where it is in neither */
    /*
     * The sandbox and what is written with the move: as its node reported it, or as the core found it. Only
     * its state is not used. An end has a reason (REASON_NONE: the reason of the desired state). A pause has
     * one only if its node made it: REASON_IDLE, and the pause becomes the desired state if the row still has
     * this generation.
     */
    struct sandbox_status status;
    int64_t late_ms; /* of an end: how long after its deadline it ended, as counted here; negative: before */
    bool unheard;    /* of an end: its node did not have the latest desired state */
};

/*
 * A second placement that the database is asked to commit: compare-and-set, once for each sandbox, with its
 * event; raises the generation.
 */
struct sandbox_reschedule {
    struct sandbox_id id;
    char from[NODE_NAME_MAX + 1], to[NODE_NAME_MAX + 1];
    uint64_t generation;              /* the generation of the row */
    char region[NODE_REGION_MAX + 1]; /* region and enforced: of the other node */
    uint32_t enforced;
    char detail[NODE_DETAIL_MAX + 1]; /* why its node did not start it */
};

#endif
