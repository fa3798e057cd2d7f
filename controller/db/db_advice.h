/* The advice on the system: its figures, what is stored of it (sql/functions/recommendations.sql), and what
 * administrators do. */
#ifndef CORRAL_CONTROLLER_DB_DB_ADVICE_H
#define CORRAL_CONTROLLER_DB_DB_ADVICE_H

#include "controller/core/advice_step.h"
#include "controller/db/db_pool.h"
#include "controller/db/db_sandbox.h"

/* --- what the leader does --- */

/* figures: what the database has; the callback frees them (advice_figures_fini) where code is 0. */
typedef void db_advice_figures_cb(void *arg, int code, const struct err *e, struct advice_figures *figures);
/* One question after another. defaults are borrowed until cb. */
void db_advice_figures(struct db_pool *pool, const struct db_defaults *defaults, db_advice_figures_cb *cb,
                       void *arg);

/* rows: borrowed. room: how many more may be stored. */
typedef void db_advice_stored_cb(void *arg, int code, const struct err *e, const struct advice_row *rows,
                                 size_t count, size_t room);
void db_advice_stored(struct db_pool *pool, db_advice_stored_cb *cb, void *arg);

/* problem: why nothing was found out, then there are no changes; NULL: it was. Nothing is done twice, and
 * nothing to what an administrator changed meanwhile. */
void db_advice_apply(struct db_pool *pool, const struct advice_change *changes, size_t count,
                     uint64_t took_ms, const char *problem, db_json_cb *cb, void *arg);

/* How many are open, by kind. */
struct db_advice_counts {
    uint64_t open[ADVICE_KINDS];
};
typedef void db_advice_counts_cb(void *arg, int code, const struct err *e,
                                 const struct db_advice_counts *counts);
void db_advice_counts(struct db_pool *pool, db_advice_counts_cb *cb, void *arg);

/* --- administrators --- */

/* NULL: any. */
struct db_advice_filter {
    const char *kind, *state, *cursor;
    unsigned limit;
};
/* A page, newest first; ERR_INVALID where the cursor is none of this list's. */
void db_advice_list(struct db_pool *pool, const struct db_advice_filter *filter, db_page_cb *cb, void *arg);
void db_advice_get(struct db_pool *pool, const char *id, db_json_cb *cb, void *arg);
/* One transaction with its event and its audit row. */
void db_advice_patch(struct db_pool *pool, const char *id, const char *body, const struct db_actor *actor,
                     db_json_cb *cb, void *arg);

#endif
