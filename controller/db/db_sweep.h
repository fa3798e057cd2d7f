/* Sweeps, as the audit has them. */
#ifndef CORRAL_CONTROLLER_DB_SWEEP_H
#define CORRAL_CONTROLLER_DB_SWEEP_H

#include "common/model/node_wire.h"
#include "common/model/sweep.h"
#include "controller/db/db_pool.h"

/* A host that was asked. */
struct db_sweep_host {
    char name[NODE_NAME_MAX + 1];
    uint64_t number; /* of its word; 0: it did not answer */
    bool gone;       /* nor is it awaited any more: its session ended */
};

/*
 * Writes one sweep down. actor: NULL where nobody asked for it. target: the host that swept by itself, "" for
 * a sweep of all. cb's json: NULL where this host's word was written down before.
 */
void db_sweep_add(struct db_pool *pool, const struct db_actor *actor, const char *target, bool dry_run,
                  const struct sweep_counts *counts, const struct db_sweep_host *hosts, size_t host_count,
                  db_json_cb *cb, void *arg);

#endif
