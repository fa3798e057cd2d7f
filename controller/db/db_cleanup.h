/* Cleanups, as the audit has them. */
#ifndef CORRAL_CONTROLLER_DB_CLEANUP_H
#define CORRAL_CONTROLLER_DB_CLEANUP_H

#include "common/model/cleanup.h"
#include "common/model/node_wire.h"
#include "controller/db/db_pool.h"

/* A node that was asked. */
struct db_cleanup_node {
    char name[NODE_NAME_MAX + 1];
    uint64_t number; /* of its word; 0: it did not answer */
    bool gone;       /* nor is it awaited any more: its session ended */
};

/*
 * Writes one cleanup down. actor: NULL where nobody asked for it. target: the node that cleaned up by itself,
 * "" for a cleanup of all. cb's json: NULL where this node's word was written down before.
 */
void db_cleanup_add(struct db_pool *pool, const struct db_actor *actor, const char *target, bool dry_run,
                    const struct cleanup_counts *counts, const struct db_cleanup_node *hosts,
                    size_t host_count, db_json_cb *cb, void *arg);

#endif
