/* What was: samples and events. */
#ifndef CORRAL_CONTROLLER_DB_HISTORY_H
#define CORRAL_CONTROLLER_DB_HISTORY_H

#include "common/model/node_wire.h"
#include "controller/db/db_pool.h"

/*
 * What a node keeps until it is told that this was committed: stored once, however often it comes. One
 * transaction each. json: the number of those that were not stored and never will be (not this node's to
 * tell, a sample older than keep_days, a value that no column takes). samples: at most 4096, their numbers
 * rising.
 */
void db_samples_add(struct db_pool *pool, const char *node, uint64_t keep_days, const struct sample *samples,
                    size_t count, db_json_cb *cb, void *arg);
void db_violations_add(struct db_pool *pool, const char *node, const struct violation_report *report,
                       size_t count, db_json_cb *cb, void *arg);

/* The history object, which is one page. from and to: RFC 3339, which the caller validated. */
void db_samples_history(struct db_pool *pool, const char *sandbox_id, const char *from, const char *to,
                        uint32_t step_seconds, db_page_cb *cb, void *arg);

struct db_event_filter {
    const char *owner;      /* only this user's; NULL: all */
    const char *sandbox_id; /* NULL: any */
    const char *after;      /* an event's id (the cursor, or Last-Event-ID); NULL: from the first */
    unsigned limit;
};
/* A page, oldest first; ERR_INVALID for an `after` that is no event's id. */
void db_event_list(struct db_pool *pool, const struct db_event_filter *filter, db_page_cb *cb, void *arg);

#endif
