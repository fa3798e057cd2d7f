/*
 * The sandboxes of this host, by id, and the ids that ended here lately. Private to the keeper, which gives
 * the fields their meaning. Pure.
 */
#ifndef CORRAL_AGENT_CORE_BOX_TABLE_H
#define CORRAL_AGENT_CORE_BOX_TABLE_H

#include "agent/core/box_record.h"

#include <uthash.h>

#define BOX_TOMBSTONES 4096 /* ids remembered after their end, the oldest forgotten first */

struct box {
    struct box_record record;
    bool found;            /* what became of its container over the restart is known; true for a new box */
    bool ending;           /* record.reason says why; waits for the making to stop */
    bool making;           /* KEEPER_MAKE is not answered */
    bool saving;           /* KEEPER_SAVE is not answered */
    bool written;          /* one of its records is on disk */
    bool untold;           /* what it is now is told once that is on disk */
    bool unsaved;          /* the record changed since it was handed out for saving */
    bool leftovers;        /* of a making that a restart broke off: removed before it is made anew */
    bool changing;         /* KEEPER_PAUSE or _RESUME is not answered */
    bool resizing;         /* KEEPER_RESIZE is not answered */
    bool resize_again;     /* the limits changed since that was asked for */
    bool killed;           /* KEEPER_KILL was said, in this life of the agent */
    bool removing;         /* KEEPER_REMOVE is not answered */
    uint64_t next_save_ms; /* after a disk that took no record */
    uint64_t next_try_ms;  /* of what is repeated */
    UT_hash_handle hh;
};

struct box_table {
    struct box *head;
    struct sandbox_id tombstone[BOX_TOMBSTONES];
    size_t tombstone_next;
};

#define BOX_TABLE_EACH(table, b, next) HASH_ITER(hh, (table)->head, b, next)

/* Borrowed; NULL where there is none. */
struct box *box_table_find(const struct box_table *table, const struct sandbox_id *id);

/* A new box, all zero but its id, which was not in the table. Borrowed. */
struct box *box_table_add(struct box_table *table, const struct sandbox_id *id);

/* Takes it out, frees it and remembers that its id ended. */
void box_table_bury(struct box_table *table, struct box *b);

/* Whether this id was buried lately. */
bool box_table_buried(const struct box_table *table, const struct sandbox_id *id);

void box_table_fini(struct box_table *table);

#endif
