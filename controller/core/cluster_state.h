/*
 * The core of the controller: every live sandbox and every node, their desired state, and what the nodes
 * say. Each function takes one event and appends to `effects` what the owner is to do, in order; nothing is
 * done here. The rules:
 *
 *   - what PostgreSQL has committed is `state`; it changes only by what a commit answered
 *   - one move of a sandbox is under way at a time; what was observed meanwhile is looked at afterwards
 *   - what others committed is found by reading: generations and states are compared, and what differs is
 *     taken, unless it changed since the reading was asked for
 *   - a status is acknowledged only when what it says is committed, or when a later one overtook it
 *   - a desired state is repeated until the node says that it took that generation up
 *   - what its node cannot start, for reasons of its own, is placed on another, once: the row is moved by
 *     compare-and-set before anybody hears that it failed
 *   - a node that pauses an idle sandbox makes that its desired state, unless something newer is
 *   - a node that is silent past its lease has its sandboxes marked lost; they return to what it reports, or
 *     end at their deadline; but who stood still itself listens for one lease before it judges
 *
 * Level-triggered, as Kubernetes' controllers are: each step compares what is with what should be, and needs
 * no memory of how it came about. Pure: `now` is the loop's clock in milliseconds.
 */
#ifndef CORRAL_CONTROLLER_CORE_CLUSTER_STATE_H
#define CORRAL_CONTROLLER_CORE_CLUSTER_STATE_H

#include "common/model/node_wire.h"
#include "controller/core/cleanup.h"
#include "controller/core/node_table.h"
#include "controller/core/placement.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the statement that returned a row did to its deadline. */
enum cluster_state_time {
    CLUSTER_TIME_READ,  /* others may have given another one since */
    CLUSTER_TIME_GIVEN, /* gave it: what remains and when it ends are of one clock, whenever that was set */
    CLUSTER_TIME_KEPT   /* left it as it was one generation before */
};

/* A live sandbox as the database has it. spec is borrowed and copied. */
struct cluster_state_row {
    struct sandbox_id id;
    const char *user; /* whose it is; NULL in a change */
    const char *node;
    uint64_t generation;
    enum desired desired;
    enum sandbox_reason desired_reason;
    enum sandbox_state state;
    uint64_t remaining_ms; /* to its deadline, by PostgreSQL's clock */
    uint64_t waited_ms;    /* so long ago, at most, PostgreSQL said so */
    bool rescheduled;      /* it was placed a second time: its node may not have heard of it */
    int64_t expires_ms;    /* the deadline itself, Unix time by PostgreSQL's clock; 0: unknown */
    bool unwatched;        /* nobody knows whether that clock was set since it was written */
    enum cluster_state_time time;
    struct sandbox_limits limits;
    const uint8_t *spec;
    size_t spec_len;
};

/* A move that the database is asked to commit: compare-and-set, with its one event. */
struct cluster_state_move {
    enum sandbox_state from, to;
    enum sandbox_reason
        reason; /* of an end; REASON_IDLE of a pause that its node made: then that is the desired state */
    uint64_t generation; /* of the desired state that its node had, when it made the pause */
    char detail[NODE_DETAIL_MAX + 1];
    bool has_exit_code;
    int32_t exit_code;
    uint32_t enforced;
    bool ran;
    uint64_t started_ago_ms;
    uint64_t ended_ago_ms;
    int64_t late_ms; /* of an end: so long after its deadline it was, as counted here */
    bool unheard;    /* of an end: its node had not heard of the last desired state */
    bool has_last;   /* the last figures, as its node brought them */
    struct sample last;
};

/* Placing it again that the database is asked to commit: from its node to another, by this generation. */
struct cluster_state_reschedule {
    char to[NODE_NAME_MAX + 1];
    uint64_t generation;
    char detail[NODE_DETAIL_MAX + 1]; /* why its node did not start it */
};

enum cluster_state_effect_kind {
    CLUSTER_PERSIST,    /* move: commit it, then call cluster_state_persisted */
    CLUSTER_RESCHEDULE, /* reschedule: commit it, then call cluster_state_rescheduled */
    CLUSTER_DESIRED,    /* desired: send it to node */
    CLUSTER_ACK,        /* acknowledgement: send it to node */
    CLUSTER_CHANGED, /* state is committed: anyone who waits for it may look; cleaned up: by a cleanup, as an
                        orphan */
    CLUSTER_NODE     /* node's state changed: commit it (node_state) */
};

struct cluster_state_effect {
    enum cluster_state_effect_kind kind;
    struct sandbox_id id; /* all but CLUSTER_NODE */
    char node[NODE_NAME_MAX + 1];
    bool cleaned;
    enum cleanup_kind orphan;
    uint64_t
        at_ms; /* CLUSTER_PERSIST, CLUSTER_DESIRED: when what remains, or how long ago it is, was counted */
    union {
        struct cluster_state_move move;
        struct cluster_state_reschedule reschedule;
        struct desired_state
            desired; /* its spec is borrowed until the next call; later: cluster_state_spec */
        struct status_ack ack;
        enum sandbox_state state;
        enum node_state node_state;
    };
};

/* What a step asks for. The owner's memory: all zero at first, emptied by cluster_state_effects_clear. */
struct cluster_state_effects {
    struct cluster_state_effect *item;
    size_t count;
    size_t room;
};
void cluster_state_effects_clear(struct cluster_state_effects *effects);
void cluster_state_effects_fini(struct cluster_state_effects *effects);

/* Counts what remains and how long ago it is as of now: for an effect that is carried out later. */
void cluster_state_effect_as_of(struct cluster_state_effect *effect, uint64_t now);

struct cluster_state;

/* lease_ms: how long a node may be silent before it counts as gone. */
struct cluster_state *cluster_state_new(uint64_t lease_ms);
void cluster_state_free(struct cluster_state *cluster);

/* Takes up a live row at the start. Its node gets one lease of time to come back. */
void cluster_state_load(struct cluster_state *cluster, uint64_t now, const struct cluster_state_row *row);

/*
 * Chooses a node and holds the room on it for this id until cluster_state_admitted or cluster_state_refused;
 * the request is kept (copied) until it runs. The node's name is borrowed until the next call; NULL and e set
 * where there is none (placement.h).
 */
const char *cluster_state_place(struct cluster_state *cluster, const struct sandbox_id *id,
                                const struct place_request *request, struct err *e);

/* The admission of an id that was placed is committed: send it. */
void cluster_state_admitted(struct cluster_state *cluster, uint64_t now, const struct cluster_state_row *row,
                            struct cluster_state_effects *effects);

/*
 * Whether this live row has nothing behind it, and how so; CLEANUP_KIND_COUNT where it has. The row was read
 * while the cluster state went on: one that is an orphan may just have ended, so it is one only if a row that
 * was read after this answer says the same.
 */
enum cleanup_kind cluster_state_orphan(const struct cluster_state *cluster, uint64_t now,
                                       const struct cluster_state_row *row);

/* Ends such a row, as this kind: a CLUSTER_CHANGED that says so follows, unless its node brings it after all.
 */
void cluster_state_end_orphan(struct cluster_state *cluster, uint64_t now,
                              const struct cluster_state_row *row, enum cleanup_kind kind,
                              struct cluster_state_effects *effects);

/*
 * For a reading of the database that is about to be asked for: what changes here from now on is newer than
 * what it will say. Each reading takes its own.
 */
uint64_t cluster_state_stamp(struct cluster_state *cluster);

/* Whether a live row of this reading says something else than is known here: then it is to be read whole. */
bool cluster_state_differs(struct cluster_state *cluster, uint64_t stamp, const struct sandbox_id *id,
                           uint64_t generation, enum sandbox_state state);

/* Tells of each sandbox that the reading should have had, and did not: its row is to be read. */
void cluster_state_unread(const struct cluster_state *cluster, uint64_t stamp,
                          void (*cb)(void *arg, const struct sandbox_id *id), void *arg);

/*
 * A row as it was read, live or ended: what others changed is taken up, sent to its node, and told
 * (CLUSTER_CHANGED). One that nobody told us of is admitted, unless it ended since: sent where it is pending;
 * else its node, if it is here, does not have it.
 */
void cluster_state_read(struct cluster_state *cluster, uint64_t now, uint64_t stamp,
                        const struct cluster_state_row *row, struct cluster_state_effects *effects);

/* The admission did not happen: the room is free again. */
void cluster_state_refused(struct cluster_state *cluster, const struct sandbox_id *id);

/*
 * A change of the desired state is committed (deletion, pause, resume, extension, resize): row carries the
 * new generation. spec is ignored. A sandbox that is not here any more is left alone.
 */
void cluster_state_desired(struct cluster_state *cluster, uint64_t now, const struct cluster_state_row *row,
                           struct cluster_state_effects *effects);

/*
 * A node has proved who it is and brings what it holds: its desired state is said again. What it does not
 * hold, and had before, ends as orphaned. facts and inventory are borrowed. Effects that were meant for its
 * earlier session, and are not carried out yet, are taken out: what it was told and asked there is forgotten.
 */
void cluster_state_session(struct cluster_state *cluster, uint64_t now, const struct node_facts *facts,
                           const struct sandbox_status *inventory, size_t count,
                           struct cluster_state_effects *effects);

/* How many sandboxes of a node have been on it, as far as is known, and how many of these an inventory has.
 */
void cluster_state_compare(const struct cluster_state *cluster, const char *node,
                           const struct sandbox_status *inventory, size_t count, size_t *ran,
                           size_t *brought);

/* The node is silent past its lease, or its connection was given up. */
void cluster_state_node_gone(struct cluster_state *cluster, uint64_t now, const char *node,
                             struct cluster_state_effects *effects);

/* Its row says that it is here: it has one lease to come, whether sandboxes live on it or not. */
void cluster_state_node_expected(struct cluster_state *cluster, uint64_t now, const char *node);

/* An administrator's word on a node; kept over sessions. */
void cluster_state_node_mark(struct cluster_state *cluster, const char *node, bool cordoned, bool draining,
                             struct cluster_state_effects *effects);

/* One status of a node in session. */
void cluster_state_status(struct cluster_state *cluster, uint64_t now, const char *node,
                          const struct sandbox_status *status, struct cluster_state_effects *effects);

/*
 * The database answered a CLUSTER_PERSIST. ok: state is what the row holds now (also where the move was found
 * illegal and left undone); else nothing is known, and it is tried again.
 */
void cluster_state_persisted(struct cluster_state *cluster, uint64_t now, const struct sandbox_id *id,
                             bool ok, enum sandbox_state state, struct cluster_state_effects *effects);

enum cluster_state_answer {
    CLUSTER_DONE,    /* row: as it is now */
    CLUSTER_REFUSED, /* the other node has no room, or the row is not so any more: its node's word holds */
    CLUSTER_UNKNOWN  /* tried again */
};

/* The database answered a CLUSTER_RESCHEDULE. row: NULL but with CLUSTER_DONE. */
void cluster_state_rescheduled(struct cluster_state *cluster, uint64_t now, const struct sandbox_id *id,
                               enum cluster_state_answer answer, const struct cluster_state_row *row,
                               struct cluster_state_effects *effects);

/*
 * Call about once a second: repeats desired states, retries commits, declares silence, ends what is past its
 * deadline. A gap of several seconds since the last call says that this process stood still.
 */
void cluster_state_tick(struct cluster_state *cluster, uint64_t now, struct cluster_state_effects *effects);

/* Says the state of this node again: the database has another. */
void cluster_state_say_node(struct cluster_state *cluster, const char *node,
                            struct cluster_state_effects *effects);

/*
 * PostgreSQL's clock was set by step_ms, and is so far from `now` from this moment on. Deadlines stay where
 * they are counted; the rows are to follow: cluster_state_expiries tells of every sandbox that is known here
 * from what to what (a compare-and-set; both the same where its row is right), cluster_state_expiries_told
 * that what was last told is committed. A live row that is not known here yet is to follow by the step, if it
 * was written before.
 */
void cluster_state_clock_stepped(struct cluster_state *cluster, uint64_t now, int64_t step_ms,
                                 int64_t offset_ms);
typedef void cluster_state_expiry_cb(void *arg, const struct sandbox_id *id, int64_t from_ms, int64_t to_ms);
void cluster_state_expiries(struct cluster_state *cluster, cluster_state_expiry_cb *cb, void *arg);
void cluster_state_expiries_told(struct cluster_state *cluster);

/*
 * Rows are to follow though nothing was set since: they were found to be wrong; or one may be, which the
 * reading that comes after cluster_state_expiries_told finds out.
 */
bool cluster_state_owes_expiries(const struct cluster_state *cluster);

/* What others may look at. */
struct cluster_state_view {
    const char *user;
    const char *node;
    enum sandbox_state state;
    enum desired desired;
    uint64_t generation;
};
bool cluster_state_find(const struct cluster_state *cluster, const struct sandbox_id *id,
                        struct cluster_state_view *out);
/* What its node is to make it of, borrowed until the next call; NULL where it is not live any more. */
const uint8_t *cluster_state_spec(const struct cluster_state *cluster, const struct sandbox_id *id,
                                  size_t *len);
const struct node_table *cluster_state_nodes(const struct cluster_state *cluster);
size_t cluster_state_count(const struct cluster_state *cluster);

/* Adds to out how many sandboxes are in each state. */
void cluster_state_by_state(const struct cluster_state *cluster, size_t out[static SANDBOX_STATE_COUNT]);

#endif
