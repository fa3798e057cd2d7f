/*
 * The live sandboxes that the controller holds in memory, by id. Private to the cluster state, which gives
 * the fields their meaning. Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_SANDBOX_TABLE_H
#define CORRAL_CONTROLLER_CORE_SANDBOX_TABLE_H

#include "common/model/node_wire.h"
#include "controller/core/caller.h"
#include "controller/core/cleanup.h"
#include "controller/core/node_table.h"
#include "controller/core/placement.h"

#include <uthash.h>

struct sandbox_entry {
    struct sandbox_id id;
    char user[USER_ID_MAX + 1];
    struct node *node; /* borrowed from the node table, which outlives it */
    bool admitted;     /* committed; until then it only holds room on the node */

    struct place_request *wish; /* how it was asked for, to place it again; owned; NULL: it stays */
    struct node *target;        /* room is held for it there, too, while it is being placed again */
    bool rescheduling;          /* …the database was asked to */
    bool rescheduled;           /* it was, once */

    uint64_t generation;
    enum desired desired;
    enum sandbox_reason desired_reason;
    uint64_t deadline_ms;
    uint64_t late_ms;            /* it may lie so much earlier: the answer that said it was long on its way */
    int64_t row_ms;              /* …by PostgreSQL's clock, as its row says; 0: not known yet */
    int64_t expires_ms, sent_ms; /* …as its row is to say; and as it was told to, last */
    uint64_t counted_ms;         /* from then on deadline_ms is believed where the two differ (deadline.h) */
    bool given;                  /* …also where row_ms is not known yet: CLUSTER_TIME_GIVEN */
    struct sandbox_limits limits;
    uint8_t *spec; /* owned */
    size_t spec_len;
    uint64_t desired_sent_ms;

    enum sandbox_state state; /* as committed */
    bool unsure;              /* …unless the latest move was committed too: its answer never came */
    bool persisting;          /* a move is with the database */
    uint64_t adopting; /* it makes the pause of this generation's node the desired state; 0: it does not */
    uint64_t retry_at_ms;
    uint64_t changed; /* the cluster state's stamp when the database last said how it is */
    uint64_t seen;    /* the latest reading that had its row */

    bool cleaned; /* it is ended by a cleanup, as an orphan of this kind */
    enum cleanup_kind orphan;

    bool reported;                /* latest holds what the node said in this session */
    bool was_reported;            /* …in an earlier one */
    bool missing;                 /* the node came back without it */
    struct sandbox_status latest; /* and when it came */
    uint64_t latest_ms;
    uint64_t acked_number;

    UT_hash_handle hh;
};

struct sandbox_table {
    struct sandbox_entry *head;
};

/* s: loop variable; next: a second one, so that s may be dropped in the body. */
#define SANDBOX_TABLE_EACH(table, s, next) HASH_ITER(hh, (table)->head, s, next)

/* Borrowed; NULL where there is none. */
struct sandbox_entry *sandbox_table_find(const struct sandbox_table *table, const struct sandbox_id *id);

/* The entry of this id, made (all zero) if need be. Borrowed. */
struct sandbox_entry *sandbox_table_get(struct sandbox_table *table, const struct sandbox_id *id);

/* Takes it out and frees it. */
void sandbox_table_drop(struct sandbox_table *table, struct sandbox_entry *s);

void sandbox_table_fini(struct sandbox_table *table);

#endif
