/* The history of the system (sql/functions/system_history.sql). */
#ifndef CORRAL_CONTROLLER_DB_DB_SYSTEM_H
#define CORRAL_CONTROLLER_DB_DB_SYSTEM_H

#include "controller/db/db_pool.h"

#include <stdbool.h>
#include <stdint.h>

struct db_system_sample {
    uint64_t unix_ms;    /* when it was taken, by PostgreSQL's clock */
    uint64_t epoch;      /* of the leadership that took it */
    uint64_t covered_ms; /* what is counted in it happened in so much time before */
    bool counts_only;    /* its gauges are not to be trusted, and rows without a count are left out */
    const char *rows;    /* as system_sample_take writes them; borrowed for the call */
};

/* Stores a sample; one that is sent again is stored once. */
void db_system_sample_add(struct db_pool *pool, const struct db_system_sample *sample, db_json_cb *cb,
                          void *arg);

struct db_system_range {
    const char *from, *to; /* RFC 3339, validated by the caller */
    uint32_t step_seconds;
    const char *part, *by; /* words of params.def */
    const char *name;      /* only this node, region or tier; NULL: all */
};

/* The history, in one page. */
void db_system_history(struct db_pool *pool, const struct db_system_range *range, db_page_cb *cb, void *arg);

#endif
