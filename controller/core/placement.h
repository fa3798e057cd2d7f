/*
 * Chooses the node of a new sandbox: of the nodes that are ready and have room, the one that is least full
 * after taking it ("spread"; fullness is the largest share of memory, CPU, disk and count, as in Dominant
 * Resource Fairness, Ghodsi et al., NSDI 2011). Only this file decides that. Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_PLACEMENT_H
#define CORRAL_CONTROLLER_CORE_PLACEMENT_H

#include "common/base/err.h"
#include "controller/core/node_table.h"

struct place_request {
    struct sandbox_limits limits;
    const char *region;        /* NULL: any */
    struct string_list labels; /* "key=value"; the node must carry each of them. Borrowed */
    const char *runtime;       /* NULL: the daemon's default */
    uint32_t enforce;          /* enum enforce_bit: the limits that the node must be able to enforce */
    const char *other_than;    /* this node is excluded; NULL: none is. Borrowed */
};

/* copy: owns its strings; its other_than is NULL. free: NULL is allowed. */
struct place_request *place_request_copy(const struct place_request *request);
void place_request_free(struct place_request *request);

/*
 * Whether the node is ready, suits the request and has room; *fullness: how full it would be then (of two
 * nodes the one with the lesser is chosen).
 */
bool place_takes(const struct node *node, const struct place_request *request, uint64_t *fullness);

/*
 * The chosen node (borrowed), or NULL with the reason in e: ERR_NO_CAPACITY, or ERR_INVALID where no node is
 * known to have the runtime. e may be NULL.
 */
struct node *place(const struct node_table *nodes, const struct place_request *request, struct err *e);

#endif
