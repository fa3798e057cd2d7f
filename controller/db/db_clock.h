/*
 * PostgreSQL's clock, by which live rows have their deadlines, and the correction of rows after it was set.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_CLOCK_H
#define CORRAL_CONTROLLER_DB_DB_CLOCK_H

#include "common/base/id.h"
#include "controller/db/db_pool.h"

struct db_clock {
    int64_t now_ms;      /* Unix time */
    const char *boot_id; /* the boot whose clock offset_ms refers to (common/io/boot_clock.h); NULL: nobody
                            watched yet */
    int64_t offset_ms;   /* PostgreSQL's clock minus that one, when the rows were last right */
};

typedef void db_clock_cb(void *arg, int code, const struct err *e, const struct db_clock *clock);
void db_clock_sample(struct db_pool *pool, db_clock_cb *cb, void *arg);

/* Stores the offset of PostgreSQL's clock from this boot's clock, under which the rows are right. */
void db_clock_keep(struct db_pool *pool, const char *boot_id, int64_t offset_ms);

/* A correction of a row's deadline, in Unix milliseconds. */
struct db_clock_move {
    struct sandbox_id id;
    int64_t from_ms, to_ms;
};

/*
 * PostgreSQL's clock was set by step_ms; its offset is now offset_ms. moves: the corrections; NULL: moves all
 * live rows by the step. One transaction, with its event.
 */
void db_clock_stepped(struct db_pool *pool, const char *boot_id, int64_t offset_ms, int64_t step_ms,
                      const struct db_clock_move *moves, size_t count, db_json_cb *cb, void *arg);

#endif
