/* The history: samples and violations. */
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

/* For how many days samples, and the points of a minute and of an hour that are made of them, are kept. */
struct db_history_terms {
    uint64_t sample_days, minute_days, hour_days;
};

/* The history object, in one page. from and to: RFC 3339, validated by the caller. */
void db_samples_history(struct db_pool *pool, const char *sandbox_id, const char *from, const char *to,
                        uint32_t step_seconds, const struct db_history_terms *kept, db_page_cb *cb,
                        void *arg);

#endif
