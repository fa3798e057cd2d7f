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

/*
 * What its node says of it. Each session of a node begins with the list of what the node has:
 *
 *     UNHEARD ── a report ────────────────────────────► REPORTED ── a session without it ──► VANISHED
 *      │   ▲                                              ▲  ▲                                  │
 *      │   └─ a session, if by its state the node ──┐     │  └───────────── a report ───────────┘
 *      │      need not have heard of it             │     │
 *      └───── a session without it, or its ──────► ABSENT ┘ a report
 *             admission during one, if by its state
 *             the node should have it
 *
 * A placement on another node leads back to UNHEARD. MEMBER follows from any of them where the node reports
 * the member of the warm pool that the sandbox took over: the node is told again, as if UNHEARD, until it
 * reports the sandbox, or begins a session without the member.
 */
enum entry_on_node {
    ON_NODE_UNHEARD,  /* the node may not know it yet: it is told again */
    ON_NODE_MEMBER,   /* the node certainly does not know it yet, whatever its state */
    ON_NODE_REPORTED, /* latest is from this session of the node */
    ON_NODE_VANISHED, /* the node reported it in an earlier session, and does not have it in this one */
    ON_NODE_ABSENT    /* the node never reported it, and should have it by its state */
};

/*
 * What the database was asked to commit and has not answered yet, one thing at a time:
 *
 *     NOTHING ── a move ────────────► MOVE ───────── answered ──► NOTHING
 *        └────── another placement ─► RESCHEDULE ─── answered ──► NOTHING
 */
enum entry_asked {
    ASKED_NOTHING,
    ASKED_MOVE,
    ASKED_RESCHEDULE /* to target; if the answer is lost, target stays and the same is asked again */
};

struct sandbox_entry {
    struct desired_state desired; /* its id is the key, its spec is owned; remaining_ms is not used */
    char user[USER_ID_MAX + 1], tier[TIER_NAME_MAX + 1];
    struct node *node; /* borrowed from the node table, which outlives the entry */
    bool admitted;     /* committed; until then it only holds room on the node */

    struct place_request *wish; /* the request, to place it again; owned; NULL: it is not placed again */
    struct node *target;        /* room is reserved there, too, while it is placed a second time */
    bool rescheduled;           /* it was placed a second time */
    bool handed_out;            /* it took over a member of the warm pool */

    uint64_t deadline_ms;
    uint64_t late_ms; /* the true deadline may be earlier by up to this: the answer took this long */
    int64_t row_ms;   /* the deadline by PostgreSQL's clock: as its row says; 0: not known yet */
    int64_t expires_ms, sent_ms; /* …as its row should say; and as it was last asked to say */
    uint64_t counted_ms; /* where row and deadline_ms differ, deadline_ms counts from this time on, before it
                            the row (deadline.h) */
    bool given;          /* deadline_ms counts although row_ms is not known yet: ROW_TIME_GIVEN */
    uint64_t desired_sent_ms;

    enum sandbox_state state; /* as committed */
    enum entry_asked asked;
    bool unsure;       /* the latest move may be committed, too: its answer was lost */
    uint64_t adopting; /* the move under way makes the node's pause in this generation the desired state; 0:
                          it does not */
    uint64_t retry_at_ms;
    uint64_t changed; /* the stamp of the last change by the database */
    uint64_t seen;    /* the stamp of the latest reading that had its row */

    bool cleaned; /* a cleanup ends it, as an orphan of this kind */
    enum cleanup_kind orphan;

    enum entry_on_node on_node;
    struct sandbox_status latest; /* as its node reported it last, at latest_ms */
    uint64_t latest_ms;
    uint64_t acked_number;

    UT_hash_handle hh;
};

static inline bool sandbox_entry_reported(const struct sandbox_entry *s)
{
    return s->on_node == ON_NODE_REPORTED;
}

/* Whether its node should have it and does not. */
static inline bool sandbox_entry_missing(const struct sandbox_entry *s)
{
    return s->on_node == ON_NODE_VANISHED || s->on_node == ON_NODE_ABSENT;
}

struct sandbox_table {
    struct sandbox_entry *head;
};

/* s: loop variable; next: a second one, so that s may be dropped in the body. */
#define SANDBOX_TABLE_EACH(table, s, next) HASH_ITER(hh, (table)->head, s, next)

/* Borrowed; NULL where there is none. */
struct sandbox_entry *sandbox_table_find(const struct sandbox_table *table, const struct sandbox_id *id);

/* The entry of this id; created (all zero) if it is missing. Borrowed. */
struct sandbox_entry *sandbox_table_get(struct sandbox_table *table, const struct sandbox_id *id);

/* Takes it out and frees it. */
void sandbox_table_drop(struct sandbox_table *table, struct sandbox_entry *s);

void sandbox_table_fini(struct sandbox_table *table);

#endif
