#include "common/model/trace_table.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct traced {
    struct sandbox_id id;
    uint64_t generation;
    struct trace trace;
    UT_hash_handle hh;
};

struct trace_table {
    struct traced *head; /* in the order in which they were put */
};

struct trace_table *trace_table_new(void)
{
    return mem_zalloc(sizeof(struct trace_table));
}

static void drop(struct trace_table *table, struct traced *entry)
{
    HASH_DEL(table->head, entry);
    free(entry);
}

void trace_table_free(struct trace_table *table)
{
    while (table && table->head)
        drop(table, table->head);
    free(table);
}

static struct traced *find(const struct trace_table *table, const struct sandbox_id *id)
{
    struct traced *entry;
    HASH_FIND(hh, table->head, id, sizeof *id, entry);
    return entry;
}

bool trace_table_put(struct trace_table *table, const struct sandbox_id *id, uint64_t generation,
                     const struct trace *trace)
{
    struct traced *entry = find(table, id);
    if (!entry && !trace_known(trace))
        return false;
    if (entry && entry->generation == generation && !strcmp(entry->trace.text, trace->text))
        return false;
    if (entry)
        drop(table, entry);
    else if (HASH_COUNT(table->head) >= TRACE_TABLE_MAX)
        drop(table, table->head);
    if (!trace_known(trace))
        return true;
    entry = mem_zalloc(sizeof *entry);
    entry->id = *id;
    entry->generation = generation;
    entry->trace = *trace;
    HASH_ADD(hh, table->head, id, sizeof entry->id, entry);
    return true;
}

struct trace trace_table_get(const struct trace_table *table, const struct sandbox_id *id,
                             uint64_t generation)
{
    const struct traced *entry = find(table, id);
    bool it_is = entry && (!generation || entry->generation == generation);
    return it_is ? entry->trace : (struct trace){{0}};
}
