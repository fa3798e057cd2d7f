/*
 * The sandboxes of this node by id, and the ids that ended here recently. Private to the reconciler, which
 * gives the fields their meaning. Pure.
 */
#ifndef CORRAL_AGENT_CORE_SANDBOX_INDEX_H
#define CORRAL_AGENT_CORE_SANDBOX_INDEX_H

#include "agent/core/sandbox_record.h"

#include <uthash.h>

#define SANDBOX_TOMBSTONES 4096 /* ids remembered after their end, the oldest forgotten first */

struct sandbox_tombstone {
    struct sandbox_id id;
    bool member;     /* of the warm pool: a sandbox that was to take it over can still be started here */
    uint64_t number; /* of its last status: the statuses of such a sandbox go on from there */
};

/*
 * What this run of the agent knows of the container:
 *
 *     UNKNOWN ── found as its record says ──────────────────────────► KNOWN ◄── a new sandbox
 *        └────── the restart interrupted its start ──► ORPHANS ── removed ──┘
 */
enum sandbox_fate {
    FATE_UNKNOWN, /* restored from its record; not looked for yet */
    FATE_ORPHANS, /* what is left of the start, or of a member, is removed, then it is started again */
    FATE_KNOWN
};

/*
 * The record and the disk (one RECONCILER_SAVE at a time):
 *
 *     SAVED ── changed ──► SAVING ── written ──► SAVED
 *                          │ ▲ └── refused ────► REFUSED ── changed, or next_save_ms ──► SAVING
 *                  changed ▼ │ written
 *                     SAVING_OLD ── refused ───► REFUSED
 */
enum sandbox_saving {
    SAVED,      /* nothing changed since the last write */
    SAVING,     /* the record as it is now is being written */
    SAVING_OLD, /* the record changed since it was handed out: it is saved again */
    SAVE_REFUSED
};

/* Effects that are not answered yet, one of each kind at most. */
enum sandbox_owed {
    OWED_START = 1,
    OWED_PAUSE = 2, /* RECONCILER_PAUSE or RECONCILER_RESUME */
    OWED_RESIZE = 4,
    OWED_REMOVE = 8
};

struct sandbox {
    struct sandbox_record record; /* with the phase of its life */
    enum sandbox_fate fate;
    enum sandbox_saving saving;
    unsigned owed; /* of enum sandbox_owed */
    bool written;  /* a record of it is on disk */
    bool ending;   /* record.reason says why; a start under way is being aborted */
    bool killed;   /* RECONCILER_KILL was issued by this run of the agent */
    bool may_run;  /* it is being removed, and its processes are not known to be dead: kills are repeated */
    bool untold;   /* its status is reported once the record is on disk */
    bool taken;    /* a sandbox took a member over, and that is not on disk yet */
    bool cleared;  /* nothing is left of the member, and that is not on disk yet */
    bool resize_again;     /* the limits changed since the resize that is owed was asked for */
    uint64_t next_save_ms; /* after a failed write */
    uint64_t next_try_ms;  /* of an action that is repeated */
    /* Of the steps of its start, as this run of the agent measured them; not on disk. */
    struct start_times start;
    UT_hash_handle hh;
};

struct sandbox_index {
    struct sandbox *head;
    struct sandbox_tombstone tombstone[SANDBOX_TOMBSTONES];
    size_t tombstone_next;
};

#define SANDBOX_INDEX_EACH(table, b, next) HASH_ITER(hh, (table)->head, b, next)

/* Borrowed; NULL if there is none. */
struct sandbox *sandbox_index_find(const struct sandbox_index *table, const struct sandbox_id *id);

/* Adds a sandbox, all zero except its id, which must be new. Borrowed. */
struct sandbox *sandbox_index_add(struct sandbox_index *table, const struct sandbox_id *id);

/* Takes it out, frees it and remembers that its id ended. */
void sandbox_index_bury(struct sandbox_index *table, struct sandbox *sandbox);

/* What ended under this id recently, a sandbox before a member; NULL where nothing did. Borrowed until the
 * next burial. */
const struct sandbox_tombstone *sandbox_index_buried(const struct sandbox_index *table,
                                                     const struct sandbox_id *id);

void sandbox_index_fini(struct sandbox_index *table);

#endif
