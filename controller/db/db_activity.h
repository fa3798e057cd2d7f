/*
 * What was done inside sandboxes, written to the table `activity` in batches: the first act of a batch waits
 * a second at most, and a full batch for the one before it only. Requests do not wait for it. The acts that
 * wait are bounded, in all and of one user; past a bound an act is not recorded, and counted as dropped.
 * While the database is away, the batch is sent again; each act is stored once. On the loop.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_ACTIVITY_H
#define CORRAL_CONTROLLER_DB_DB_ACTIVITY_H

#include "controller/db/db_pool.h"

#include <stdbool.h>

#define DB_ACTIVITY_MS            1000
#define DB_ACTIVITY_MAX           4096
#define DB_ACTIVITY_OF_USER       1024
#define DB_ACTIVITY_BYTES         (4 << 20) /* of all that waits, as JSON */
#define DB_ACTIVITY_BYTES_OF_USER (1 << 20)
#define DB_ACTIVITY_BATCH         512
#define DB_ACTIVITY_PROGRAM       255 /* bytes of a program's name that are kept */

struct db_activity;

/* Everything is copied. NULL: there is none. path, path_to: any bytes but NUL. */
struct db_act {
    uint64_t unix_ms; /* by PostgreSQL's clock */
    const char *sandbox_id, *user_id, *key_id, *act, *request_id;
    const char *program, *path, *path_to;
    bool entered;
};

struct db_activity_stats {
    uint64_t stored, dropped; /* since the start; stored: as the database said */
    unsigned waiting;         /* now */
};

/* The result is the caller's. Borrows loop and pool until db_activity_free. */
struct db_activity *db_activity_new(struct loop *loop, struct db_pool *pool);
/* What waits is lost. Call before db_pool_free. NULL is allowed. */
void db_activity_free(struct db_activity *activity);

void db_activity_add(struct db_activity *activity, const struct db_act *act);

/* Sends what waits now; true while something waits or is under way. */
bool db_activity_flush(struct db_activity *activity);

struct db_activity_stats db_activity_stats(const struct db_activity *activity);

#endif
