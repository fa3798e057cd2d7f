/* PostgreSQL's clock: under which the live rows have their deadlines, and what becomes of them where it was
 * set. */
#ifndef CORRAL_CONTROLLER_DB_CLOCK_H
#define CORRAL_CONTROLLER_DB_CLOCK_H

#include "common/base/id.h"
#include "controller/db/db_pool.h"

struct db_clock {
    int64_t now_ms;      /* Unix time */
    const char *boot_id; /* of the clock that offset_ms is counted from (common/io/boot_clock.h); NULL: nobody
                            watched yet */
    int64_t offset_ms;   /* PostgreSQL's clock less that one, when the rows were right by it */
};

typedef void db_clock_cb(void *arg, int code, const struct err *e, const struct db_clock *clock);
void db_clock_sample(struct db_pool *pool, db_clock_cb *cb, void *arg);

/* The rows are right under a clock that is so far from this boot's. */
void db_clock_keep(struct db_pool *pool, const char *boot_id, int64_t offset_ms);

/* A row that is to follow: from one time to another, Unix milliseconds. */
struct db_clock_move {
    struct sandbox_id id;
    int64_t from_ms, to_ms;
};

/*
 * It was set by step_ms, to offset_ms. moves: NULL for all live rows, by the step. One transaction,
 * with its event.
 */
void db_clock_stepped(struct db_pool *pool, const char *boot_id, int64_t offset_ms, int64_t step_ms,
                      const struct db_clock_move *moves, size_t count, db_json_cb *cb, void *arg);

#endif
