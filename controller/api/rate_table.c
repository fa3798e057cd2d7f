#include "controller/api/rate_table.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

struct rate_row {
    char name[RATE_NAME_MAX + 1];
    struct rate_bucket bucket;
    UT_hash_handle hh;
};

static void drop(struct rate_table *table, struct rate_row *row)
{
    HASH_DEL(table->rows, row);
    free(row);
}

struct rate_answer rate_table_take(struct rate_table *table, const char *name, const struct rate_rule *rule,
                                   uint64_t now_ms)
{
    char key[RATE_NAME_MAX + 1];
    struct rate_row *row;
    snprintf(key, sizeof key, "%s", name);
    HASH_FIND_STR(table->rows, key, row);
    if (row) {
        HASH_DEL(table->rows,
                 row); /* and inserted again as the newest: uthash iterates in the order of insertion */
    } else {
        if (HASH_COUNT(table->rows) >= RATE_TABLE_MAX)
            drop(table, table->rows);
        row = mem_zalloc(sizeof *row);
        memcpy(row->name, key, sizeof key);
    }
    HASH_ADD_STR(table->rows, name, row);
    return rate_take(&row->bucket, rule, now_ms);
}

void rate_table_return(struct rate_table *table, const char *name)
{
    struct rate_row *row;
    HASH_FIND_STR(table->rows, name, row);
    if (row)
        rate_return(&row->bucket);
}

struct rate_answer rate_table_look(const struct rate_table *table, const char *name,
                                   const struct rate_rule *rule, uint64_t now_ms)
{
    static const struct rate_bucket unused;
    struct rate_row *row;
    HASH_FIND_STR(table->rows, name, row);
    return rate_look(row ? &row->bucket : &unused, rule, now_ms);
}

size_t rate_table_count(const struct rate_table *table)
{
    return HASH_COUNT(table->rows);
}

void rate_table_fini(struct rate_table *table)
{
    struct rate_row *row, *next;
    HASH_ITER(hh, table->rows, row, next)
    drop(table, row);
}
