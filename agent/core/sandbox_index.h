/*
 * The sandboxes of this node by id, and the ids that ended here recently. Private to the reconciler, which
 * gives the fields their meaning. Pure.
 */
#ifndef CORRAL_AGENT_CORE_SANDBOX_INDEX_H
#define CORRAL_AGENT_CORE_SANDBOX_INDEX_H

#include "agent/core/sandbox_record.h"

#include <uthash.h>

#define SANDBOX_TOMBSTONES 4096 /* ids remembered after their end, the oldest forgotten first */

struct sandbox {
    struct sandbox_record record;
    bool found;    /* whether its container survived the restart is known; true for a new sandbox */
    bool ending;   /* record.reason says why; a start under way is being aborted */
    bool making;   /* RECONCILER_START is not answered yet */
    bool saving;   /* RECONCILER_SAVE is not answered yet */
    bool written;  /* a record of it is on disk */
    bool untold;   /* its status is reported once the record is on disk */
    bool unsaved;  /* the record changed since it was handed out for saving */
    bool orphans;  /* a restart interrupted its start: what is left is removed, then it is started again */
    bool changing; /* RECONCILER_PAUSE or RECONCILER_RESUME is not answered yet */
    bool resizing; /* RECONCILER_RESIZE is not answered yet */
    bool resize_again;     /* the limits changed since that resize was asked for */
    bool killed;           /* RECONCILER_KILL was issued by this run of the agent */
    bool removing;         /* RECONCILER_REMOVE is not answered yet */
    uint64_t next_save_ms; /* after a failed write */
    uint64_t next_try_ms;  /* of an action that is repeated */
    UT_hash_handle hh;
};

struct sandbox_index {
    struct sandbox *head;
    struct sandbox_id tombstone[SANDBOX_TOMBSTONES];
    size_t tombstone_next;
};

#define SANDBOX_INDEX_EACH(table, b, next) HASH_ITER(hh, (table)->head, b, next)

/* Borrowed; NULL if there is none. */
struct sandbox *sandbox_index_find(const struct sandbox_index *table, const struct sandbox_id *id);

/* Adds a sandbox, all zero except its id, which must be new. Borrowed. */
struct sandbox *sandbox_index_add(struct sandbox_index *table, const struct sandbox_id *id);

/* Takes it out, frees it and remembers that its id ended. */
void sandbox_index_bury(struct sandbox_index *table, struct sandbox *b);

/* Whether this id was buried recently. */
bool sandbox_index_buried(const struct sandbox_index *table, const struct sandbox_id *id);

void sandbox_index_fini(struct sandbox_index *table);

#endif
