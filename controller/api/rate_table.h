/*
 * Token buckets by name (an API key's prefix, a network). Bounded: the least recently used one is dropped
 * first; if its name returns, its bucket is full. On the loop.
 */
#ifndef CORRAL_CONTROLLER_API_RATE_TABLE_H
#define CORRAL_CONTROLLER_API_RATE_TABLE_H

#include "controller/core/rate_limit.h"

#include <stddef.h>

#define RATE_TABLE_MAX 4096
#define RATE_NAME_MAX  63 /* longer names are cut */

struct rate_row;

/* All zero: empty. */
struct rate_table {
    struct rate_row *rows;
};

/* Takes a token of this name's bucket. */
struct rate_answer rate_table_take(struct rate_table *table, const char *name, const struct rate_rule *rule,
                                   uint64_t now_ms);
/* Gives back a token whose request was not served. */
void rate_table_return(struct rate_table *table, const char *name);
/* The fill of this name's bucket, without taking a token. */
struct rate_answer rate_table_look(const struct rate_table *table, const char *name,
                                   const struct rate_rule *rule, uint64_t now_ms);
size_t rate_table_count(const struct rate_table *table);
void rate_table_fini(struct rate_table *table);

#endif
