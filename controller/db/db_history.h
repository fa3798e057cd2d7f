/* The history: samples and events. */
#ifndef CORRAL_CONTROLLER_DB_DB_HISTORY_H
#define CORRAL_CONTROLLER_DB_DB_HISTORY_H

#include "common/model/node_wire.h"
#include "controller/db/db_pool.h"

/*
 * Store items that a node keeps until they are acknowledged; a repeated item is stored once. One transaction
 * each. json: the number of items that can never be stored (of another node's sandbox, older than keep_days,
 * or with a value that no column takes). samples: at most 4096, in the order of their numbers.
 */
void db_samples_add(struct db_pool *pool, const char *node, uint64_t keep_days, const struct sample *samples,
                    size_t count, db_json_cb *cb, void *arg);
void db_violations_add(struct db_pool *pool, const char *node, const struct violation_report *report,
                       size_t count, db_json_cb *cb, void *arg);

/* The history object, in one page. from and to: RFC 3339, validated by the caller. */
void db_samples_history(struct db_pool *pool, const char *sandbox_id, const char *from, const char *to,
                        uint32_t step_seconds, db_page_cb *cb, void *arg);

struct db_event_filter {
    const char *owner;      /* only this user's; NULL: all */
    const char *sandbox_id; /* NULL: any */
    const char *after;      /* an event's id (the cursor, or Last-Event-ID); NULL: from the start */
    unsigned limit;
};
/* A page, oldest first; ERR_INVALID where `after` is not an event's id. */
void db_event_list(struct db_pool *pool, const struct db_event_filter *filter, db_page_cb *cb, void *arg);

#endif
