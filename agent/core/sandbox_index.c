#include "agent/core/sandbox_index.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct sandbox *sandbox_index_find(const struct sandbox_index *table, const struct sandbox_id *id)
{
    struct sandbox *b;
    HASH_FIND(hh, table->head, id, sizeof *id, b);
    return b;
}

struct sandbox *sandbox_index_add(struct sandbox_index *table, const struct sandbox_id *id)
{
    struct sandbox *b = mem_zalloc(sizeof *b);
    b->record.id = *id;
    HASH_ADD(hh, table->head, record.id, sizeof b->record.id, b);
    return b;
}

static void drop(struct sandbox_index *table, struct sandbox *b)
{
    HASH_DEL(table->head, b);
    free(b->record.spec);
    free(b);
}

void sandbox_index_bury(struct sandbox_index *table, struct sandbox *b)
{
    table->tombstone[table->tombstone_next] = b->record.id;
    table->tombstone_next = (table->tombstone_next + 1) % SANDBOX_TOMBSTONES;
    drop(table, b);
}

/* Asked only for a desired state whose id is unknown, so a walk over 128 KiB is cheaper than a second map. */
bool sandbox_index_buried(const struct sandbox_index *table, const struct sandbox_id *id)
{
    for (size_t i = 0; i < SANDBOX_TOMBSTONES; i++) {
        if (!memcmp(&table->tombstone[i], id, sizeof *id))
            return true;
    }
    return false;
}

void sandbox_index_fini(struct sandbox_index *table)
{
    struct sandbox *b, *next;
    SANDBOX_INDEX_EACH(table, b, next)
    drop(table, b);
}
