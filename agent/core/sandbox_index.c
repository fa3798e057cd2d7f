#include "agent/core/sandbox_index.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct sandbox *sandbox_index_find(const struct sandbox_index *table, const struct sandbox_id *id)
{
    struct sandbox *sandbox;
    HASH_FIND(hh, table->head, id, sizeof *id, sandbox);
    return sandbox;
}

struct sandbox *sandbox_index_add(struct sandbox_index *table, const struct sandbox_id *id)
{
    struct sandbox *sandbox = mem_zalloc(sizeof *sandbox);
    sandbox->record.id = *id;
    HASH_ADD(hh, table->head, record.id, sizeof sandbox->record.id, sandbox);
    return sandbox;
}

static void drop(struct sandbox_index *table, struct sandbox *sandbox)
{
    HASH_DEL(table->head, sandbox);
    free(sandbox->record.spec);
    free(sandbox);
}

void sandbox_index_bury(struct sandbox_index *table, struct sandbox *sandbox)
{
    table->tombstone[table->tombstone_next] = (struct sandbox_tombstone){
        .id = sandbox->record.id, .member = sandbox->record.pooled, .number = sandbox->record.number};
    table->tombstone_next = (table->tombstone_next + 1) % SANDBOX_TOMBSTONES;
    drop(table, sandbox);
}

/* Asked only for a desired state whose id is unknown, so a walk over 128 KiB is cheaper than a second map. */
const struct sandbox_tombstone *sandbox_index_buried(const struct sandbox_index *table,
                                                     const struct sandbox_id *id)
{
    const struct sandbox_tombstone *member = NULL;
    for (size_t i = 0; i < SANDBOX_TOMBSTONES; i++) {
        const struct sandbox_tombstone *tombstone = &table->tombstone[i];
        if (memcmp(&tombstone->id, id, sizeof *id))
            continue;
        if (!tombstone->member)
            return tombstone;
        member = tombstone;
    }
    return member;
}

void sandbox_index_fini(struct sandbox_index *table)
{
    struct sandbox *sandbox, *next;
    SANDBOX_INDEX_EACH(table, sandbox, next)
    drop(table, sandbox);
}
