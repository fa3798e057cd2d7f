/* Writes cleanups to the audit. */
#ifndef CORRAL_CONTROLLER_DB_DB_CLEANUP_H
#define CORRAL_CONTROLLER_DB_DB_CLEANUP_H

#include "common/model/cleanup.h"
#include "common/model/node_wire.h"
#include "controller/db/db_pool.h"

/* A node that was asked. */
struct db_cleanup_node {
    char name[NODE_NAME_MAX + 1];
    uint64_t number; /* number of its report; 0: it did not answer */
    bool gone;       /* its session ended: no report is expected */
};

/*
 * Writes one cleanup. actor: NULL for a periodic one. target: the node that cleaned up by itself, "" for a
 * cleanup of the cluster. cb's json: NULL where this report of the node was written before.
 */
void db_cleanup_add(struct db_pool *pool, const struct db_actor *actor, const char *target, bool dry_run,
                    const struct cleanup_counts *counts, const struct db_cleanup_node *nodes,
                    size_t node_count, db_json_cb *cb, void *arg);

#endif
