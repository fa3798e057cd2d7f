/*
 * Which node gets a new sandbox: of those that are ready and have room, the one that is least full after
 * taking it ("spread"; fullness is the largest share of memory, CPU, disk and count, as in Dominant Resource
 * Fairness, Ghodsi et al., NSDI 2011). The one place that decides this. Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_PLACEMENT_H
#define CORRAL_CONTROLLER_CORE_PLACEMENT_H

#include "common/base/err.h"
#include "controller/core/node_table.h"

struct place_request {
    struct sandbox_limits limits;
    const char *region;        /* NULL: any */
    struct string_list labels; /* "key=value", each of which the node must carry. Borrowed */
    const char *runtime;       /* NULL: the daemon's default */
    uint32_t enforce;          /* enum enforce_bit that the node must hold */
    const char *other_than;    /* a node that is not to have it; NULL: any may. Borrowed */
};

/* A copy that owns its texts, but for other_than, which it has not. NULL is freed, too. */
struct place_request *place_request_copy(const struct place_request *request);
void place_request_free(struct place_request *request);

/*
 * The chosen node (borrowed), or NULL and in e what stood in the way: ERR_NO_CAPACITY, or ERR_INVALID where
 * no node is known to have the runtime.
 */
struct node *place(const struct node_table *nodes, const struct place_request *request, struct err *e);

#endif
