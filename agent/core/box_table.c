#include "agent/core/box_table.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct box *box_table_find(const struct box_table *table, const struct sandbox_id *id)
{
    struct box *b;
    HASH_FIND(hh, table->head, id, sizeof *id, b);
    return b;
}

struct box *box_table_add(struct box_table *table, const struct sandbox_id *id)
{
    struct box *b = mem_zalloc(sizeof *b);
    b->record.id = *id;
    HASH_ADD(hh, table->head, record.id, sizeof b->record.id, b);
    return b;
}

static void drop(struct box_table *table, struct box *b)
{
    HASH_DEL(table->head, b);
    free(b->record.spec);
    free(b);
}

void box_table_bury(struct box_table *table, struct box *b)
{
    table->tombstone[table->tombstone_next] = b->record.id;
    table->tombstone_next = (table->tombstone_next + 1) % BOX_TOMBSTONES;
    drop(table, b);
}

/* Asked only for a want that nothing is known of: a walk over 128 KiB now and then beats a second map. */
bool box_table_buried(const struct box_table *table, const struct sandbox_id *id)
{
    for (size_t i = 0; i < BOX_TOMBSTONES; i++) {
        if (!memcmp(&table->tombstone[i], id, sizeof *id))
            return true;
    }
    return false;
}

void box_table_fini(struct box_table *table)
{
    struct box *b, *next;
    BOX_TABLE_EACH(table, b, next)
    drop(table, b);
}
