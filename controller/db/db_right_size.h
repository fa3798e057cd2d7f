/* What sandboxes used, for right-sizing (sql/functions/right_sizes.sql). */
#ifndef CORRAL_CONTROLLER_DB_DB_RIGHT_SIZE_H
#define CORRAL_CONTROLLER_DB_DB_RIGHT_SIZE_H

#include "controller/core/right_size.h"
#include "controller/db/db_admit.h"
#include "controller/db/db_pool.h"

/*
 * A row of a subject. Rows of a subject follow each other: first one for each of its sandboxes, from the
 * oldest, then one for each hour.
 */
struct db_usage_row {
    const char *subject, *name; /* "sandbox", "image", "template" or "label", and which one. Borrowed */
    bool of_sandbox;            /* else of an hour: only window is set */
    bool live;
    uint64_t has[RIGHT_SIZE_KINDS], most[RIGHT_SIZE_KINDS]; /* its limits, and those of its user */
    uint64_t violations[RIGHT_SIZE_KINDS];                  /* that were opened */
    uint64_t oom_bytes; /* the memory limit at which it ended; 0: it did not */
    bool frozen;        /* at that limit, by its node */
    uint64_t at_s;      /* when it ended; else, was created */
    struct right_size_window window;
};

/* Called with each row in turn, then once with row NULL, or with an error. */
typedef void db_usage_cb(void *arg, int code, const struct err *e, const struct db_usage_row *row);

/* Of a sandbox. owner NULL: of all users. ERR_NOT_FOUND where there is none. */
void db_usage_of_sandbox(struct db_pool *pool, const char *id, const char *owner,
                         const struct db_defaults *defaults, db_usage_cb *cb, void *arg);

/* Of all subjects of a user. */
void db_usage_of_user(struct db_pool *pool, const char *user_id, const struct db_defaults *defaults,
                      db_usage_cb *cb, void *arg);

#endif
