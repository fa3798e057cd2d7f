#include "controller/core/sandbox_table.h"

#include "common/base/mem.h"

#include <stdlib.h>

struct sandbox_entry *sandbox_table_find(const struct sandbox_table *table, const struct sandbox_id *id)
{
    struct sandbox_entry *s;
    HASH_FIND(hh, table->head, id, sizeof *id, s);
    return s;
}

struct sandbox_entry *sandbox_table_get(struct sandbox_table *table, const struct sandbox_id *id)
{
    struct sandbox_entry *s = sandbox_table_find(table, id);
    if (s)
        return s;
    s = mem_zalloc(sizeof *s);
    s->desired.id = *id;
    HASH_ADD(hh, table->head, desired.id, sizeof s->desired.id, s);
    return s;
}

void sandbox_table_drop(struct sandbox_table *table, struct sandbox_entry *s)
{
    HASH_DEL(table->head, s);
    place_request_free(s->wish);
    free((void *)s->desired.spec);
    free(s);
}

void sandbox_table_fini(struct sandbox_table *table)
{
    struct sandbox_entry *s, *next;
    SANDBOX_TABLE_EACH(table, s, next)
    sandbox_table_drop(table, s);
}
