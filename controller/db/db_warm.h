/* The rows of the warm pool (controller/core/warm_pool.h). */
#ifndef CORRAL_CONTROLLER_DB_DB_WARM_H
#define CORRAL_CONTROLLER_DB_DB_WARM_H

#include "controller/core/warm_pool.h"
#include "controller/db/db_pool.h"

/* code 0: it is written. May be repeated. */
typedef void db_warm_cb(void *arg, int code, const struct err *e);
void db_warm_add(struct db_pool *pool, const struct warm_row *row, db_warm_cb *cb, void *arg);

/* code 0: it is not there any more. */
void db_warm_drop(struct db_pool *pool, const struct sandbox_id *id, db_warm_cb *cb, void *arg);

/* All of them. Borrowed for the call; rows is NULL where code is not 0. */
typedef void db_warm_rows_cb(void *arg, int code, const struct err *e, const struct warm_row *rows,
                             size_t count);
void db_warm_list(struct db_pool *pool, db_warm_rows_cb *cb, void *arg);

/* What a template that has containers ready says of its class; 0: nothing. Borrowed for the call. */
struct db_warm_floor {
    const char *image; /* the whole name */
    uint64_t storage_bytes, shm_bytes, memory_bytes;
    uint32_t least;
};
typedef void db_warm_floors_cb(void *arg, int code, const struct err *e, const struct db_warm_floor *floors,
                               size_t count);
void db_warm_floors(struct db_pool *pool, db_warm_floors_cb *cb, void *arg);

#endif
