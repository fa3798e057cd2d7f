/*
 * The sandboxes of this node, by id, and the ids that ended here lately. Private to the reconciler, which
 * gives the fields their meaning. Pure.
 */
#ifndef CORRAL_AGENT_CORE_SANDBOX_INDEX_H
#define CORRAL_AGENT_CORE_SANDBOX_INDEX_H

#include "agent/core/sandbox_record.h"

#include <uthash.h>

#define SANDBOX_TOMBSTONES 4096 /* ids remembered after their end, the oldest forgotten first */

struct sandbox {
    struct sandbox_record record;
    bool found;        /* what became of its container over the restart is known; true for a new sandbox */
    bool ending;       /* record.reason says why; waits for the making to stop */
    bool making;       /* RECONCILER_START is not answered */
    bool saving;       /* RECONCILER_SAVE is not answered */
    bool written;      /* one of its records is on disk */
    bool untold;       /* what it is now is told once that is on disk */
    bool unsaved;      /* the record changed since it was handed out for saving */
    bool orphans;      /* of a making that a restart broke off: removed before it is made again */
    bool changing;     /* RECONCILER_PAUSE or _RESUME is not answered */
    bool resizing;     /* RECONCILER_RESIZE is not answered */
    bool resize_again; /* the limits changed since that was asked for */
    bool killed;       /* RECONCILER_KILL was said, in this life of the agent */
    bool removing;     /* RECONCILER_REMOVE is not answered */
    uint64_t next_save_ms; /* after a disk that took no record */
    uint64_t next_try_ms;  /* of what is repeated */
    UT_hash_handle hh;
};

struct sandbox_index {
    struct sandbox *head;
    struct sandbox_id tombstone[SANDBOX_TOMBSTONES];
    size_t tombstone_next;
};

#define SANDBOX_INDEX_EACH(table, b, next) HASH_ITER(hh, (table)->head, b, next)

/* Borrowed; NULL where there is none. */
struct sandbox *sandbox_index_find(const struct sandbox_index *table, const struct sandbox_id *id);

/* A new sandbox, all zero but its id, which was not in the table. Borrowed. */
struct sandbox *sandbox_index_add(struct sandbox_index *table, const struct sandbox_id *id);

/* Takes it out, frees it and remembers that its id ended. */
void sandbox_index_bury(struct sandbox_index *table, struct sandbox *b);

/* Whether this id was buried lately. */
bool sandbox_index_buried(const struct sandbox_index *table, const struct sandbox_id *id);

void sandbox_index_fini(struct sandbox_index *table);

#endif
