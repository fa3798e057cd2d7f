/*
 * The core of the controller: every live sandbox and every node, their desired states, and what the nodes
 * report. Each function takes one event and appends to `effects` what the owner has to do, in order; the core
 * itself does no I/O. The rules:
 *
 *   - `state` is what PostgreSQL has committed; it changes only when a commit or a reading says so
 *   - at most one move of a sandbox is under way; a status that arrives meanwhile is evaluated after the
 *     answer
 *   - what others committed is found by reading: generations and states are compared, and the core takes what
 *     differs, unless it changed after the reading was requested
 *   - a status is acknowledged only when its state is committed, or when a later status replaced it
 *   - a desired state is sent again until the node reports that generation
 *   - a sandbox that its node cannot start, for reasons of the node, is placed on another node, once: the row
 *     is moved by compare-and-set before anybody is told that the start failed
 *   - when a node pauses an idle sandbox, the pause becomes the desired state, unless a newer generation
 *     exists
 *   - when a node is silent past its lease, its sandboxes are marked lost; each takes the state that its node
 *     reports on its return, or ends at its deadline. If this process itself stood still, it first listens
 *     for one lease before it declares any node silent
 *
 * Level-triggered, as Kubernetes' controllers are: each step compares the actual state with the desired one,
 * and needs no history. Pure: `now` is the loop's clock in milliseconds.
 */
#ifndef CORRAL_CONTROLLER_CORE_CLUSTER_STATE_H
#define CORRAL_CONTROLLER_CORE_CLUSTER_STATE_H

#include "common/model/node_wire.h"
#include "controller/core/cleanup.h"
#include "controller/core/node_table.h"
#include "controller/core/placement.h"
#include "controller/core/sandbox_row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cluster_state_effect_kind {
    CLUSTER_PERSIST,    /* move: commit it, then call cluster_state_persisted */
    CLUSTER_RESCHEDULE, /* reschedule: commit it, then call cluster_state_rescheduled */
    CLUSTER_DESIRED,    /* desired: send it to node */
    CLUSTER_ACK,        /* acknowledgement: send it to node */
    CLUSTER_CHANGED, /* state is committed: subscribers are told. cleaned: a cleanup ended it, as an orphan */
    CLUSTER_NODE,    /* node's state changed: commit it (node_state) */
    CLUSTER_WARM_DROP /* id: delete the row of this member of the warm pool, then call
                         cluster_state_warm_dropped */
};

struct cluster_state_effect {
    enum cluster_state_effect_kind kind;
    struct sandbox_id id; /* all but CLUSTER_NODE */
    char node[NODE_NAME_MAX + 1];
    bool cleaned;
    enum cleanup_kind orphan;
    uint64_t at_ms; /* CLUSTER_PERSIST, CLUSTER_DESIRED: the time as of which its remaining and ago times are
                       counted */
    union {
        struct sandbox_move move;
        struct sandbox_reschedule reschedule;
        struct desired_state
            desired; /* its spec is borrowed until the next call; after that, use cluster_state_spec */
        struct status_ack ack;
        enum sandbox_state state;
        enum node_state node_state;
    };
};

/*
 * The effects that a step appended. The owner's memory: all zero at first, emptied by
 * cluster_state_effects_clear.
 */
struct cluster_state_effects {
    struct cluster_state_effect *item;
    size_t count;
    size_t room;
};
void cluster_state_effects_clear(struct cluster_state_effects *effects);
void cluster_state_effects_fini(struct cluster_state_effects *effects);

/*
 * Adjusts the remaining and ago times of an effect that is carried out later than at_ms; sets at_ms to now.
 */
void cluster_state_effect_as_of(struct cluster_state_effect *effect, uint64_t now);

struct cluster_state;

/* lease_ms: how long a node may be silent before it counts as gone. */
struct cluster_state *cluster_state_new(uint64_t lease_ms);
void cluster_state_free(struct cluster_state *cluster);

/* Adds a live row at the start. Its node gets one lease to connect. */
void cluster_state_load(struct cluster_state *cluster, uint64_t now, const struct sandbox_row *row);

/*
 * Chooses a node and reserves room on it for this id until cluster_state_admitted or cluster_state_refused;
 * keeps a copy of the request until the sandbox runs. The returned node name is borrowed until the next call;
 * NULL, with e set, where no node fits (placement.h).
 */
const char *cluster_state_place(struct cluster_state *cluster, const struct sandbox_id *id,
                                const struct place_request *request, struct err *e);

/* The admission of a placed id is committed: its desired state is sent. */
void cluster_state_admitted(struct cluster_state *cluster, uint64_t now, const struct sandbox_row *row,
                            struct cluster_state_effects *effects);

/*
 * The kind of orphan that this live row is; CLEANUP_KIND_COUNT where it is none. The row was read while the
 * cluster state went on, and its sandbox may just have ended. So a row is an orphan only if a second reading,
 * requested after this answer, gives the same result.
 */
enum cleanup_kind cluster_state_orphan(const struct cluster_state *cluster, uint64_t now,
                                       const struct sandbox_row *row);

/*
 * Ends such a row, as this kind. A CLUSTER_CHANGED with `cleaned` follows, unless its node reports the
 * sandbox before.
 */
void cluster_state_end_orphan(struct cluster_state *cluster, uint64_t now, const struct sandbox_row *row,
                              enum cleanup_kind kind, struct cluster_state_effects *effects);

/*
 * Call before requesting a reading of the database; each reading gets a stamp of its own. Whatever changes
 * here after this call is newer than what the reading returns.
 */
uint64_t cluster_state_stamp(struct cluster_state *cluster);

/* Whether a live row of this reading differs from what is known here: then the whole row has to be read. */
bool cluster_state_differs(struct cluster_state *cluster, uint64_t stamp, const struct sandbox_id *id,
                           uint64_t generation, enum sandbox_state state);

/* Calls cb for each sandbox that this reading should have returned and did not: its row has to be read. */
void cluster_state_unread(const struct cluster_state *cluster, uint64_t stamp,
                          void (*cb)(void *arg, const struct sandbox_id *id), void *arg);

/*
 * A row as it was read, live or ended: changes by others are taken, sent to the node, and announced
 * (CLUSTER_CHANGED). An unknown row is admitted, unless it ended since: where it is pending, its desired
 * state is sent; else, if its node is in session, that node does not have the sandbox.
 */
void cluster_state_read(struct cluster_state *cluster, uint64_t now, uint64_t stamp,
                        const struct sandbox_row *row, struct cluster_state_effects *effects);

/*
 * The admission failed: releases the room. unplaced: the create is placed again, under its id; a member of
 * the warm pool that it took stays taken, since another create would get the same id.
 */
void cluster_state_refused(struct cluster_state *cluster, const struct sandbox_id *id);
void cluster_state_unplaced(struct cluster_state *cluster, const struct sandbox_id *id);

/*
 * A change of the desired state is committed (deletion, pause, resume, extension, resize): row has the new
 * generation. spec is ignored. A sandbox that is unknown here is ignored.
 */
void cluster_state_desired(struct cluster_state *cluster, uint64_t now, const struct sandbox_row *row,
                           struct cluster_state_effects *effects);

/*
 * A node has proved its identity and sent its inventory. All its desired states are sent again. A sandbox
 * that ran on it and is not in the inventory ends as orphaned. facts and inventory are borrowed. Removes
 * effects for the node's earlier session that are not carried out yet; desired states and acknowledgements of
 * that session are void.
 */
void cluster_state_session(struct cluster_state *cluster, uint64_t now, const struct node_facts *facts,
                           const struct sandbox_status *inventory, size_t count,
                           struct cluster_state_effects *effects);

/*
 * *ran: how many sandboxes have run on this node, as far as known; *brought: how many of these the inventory
 * has.
 */
void cluster_state_compare(const struct cluster_state *cluster, const char *node,
                           const struct sandbox_status *inventory, size_t count, size_t *ran,
                           size_t *brought);

/* The node is silent past its lease, or its connection was given up. */
void cluster_state_node_gone(struct cluster_state *cluster, uint64_t now, const char *node,
                             struct cluster_state_effects *effects);

/* Its row says that it was in session: it gets one lease to connect, whether sandboxes live on it or not. */
void cluster_state_node_expected(struct cluster_state *cluster, uint64_t now, const char *node);

/* The marks that an administrator gave a node; kept across sessions. */
void cluster_state_node_mark(struct cluster_state *cluster, const char *node, bool cordoned, bool draining,
                             struct cluster_state_effects *effects);

/* One status of a node in session. */
void cluster_state_status(struct cluster_state *cluster, uint64_t now, const char *node,
                          const struct sandbox_status *status, struct cluster_state_effects *effects);

/*
 * The database answered a CLUSTER_PERSIST. ok: state is what the row holds now (also where the move was
 * illegal and was not made). Not ok: the result is unknown, and the move is tried again.
 */
void cluster_state_persisted(struct cluster_state *cluster, uint64_t now, const struct sandbox_id *id,
                             bool ok, enum sandbox_state state, struct cluster_state_effects *effects);

enum cluster_state_answer {
    CLUSTER_DONE,    /* row: as it is now */
    CLUSTER_REFUSED, /* the other node has no room, or the row has changed: the report of its node counts */
    CLUSTER_UNKNOWN  /* tried again */
};

/* The database answered a CLUSTER_RESCHEDULE. row: only with CLUSTER_DONE, else NULL. */
void cluster_state_rescheduled(struct cluster_state *cluster, uint64_t now, const struct sandbox_id *id,
                               enum cluster_state_answer answer, const struct sandbox_row *row,
                               struct cluster_state_effects *effects);

/*
 * Call about once a second: sends desired states again, retries commits, declares nodes silent, ends
 * sandboxes past their deadline. A gap of several seconds since the last call means that this process stood
 * still.
 */
void cluster_state_tick(struct cluster_state *cluster, uint64_t now, struct cluster_state_effects *effects);

/* Asks for a commit of this node's state again: the database has another state. */
void cluster_state_say_node(struct cluster_state *cluster, const char *node,
                            struct cluster_state_effects *effects);

/*
 * PostgreSQL's clock was set by step_ms; offset_ms is its distance from `now` from this moment on. Deadlines
 * stay where they are on the loop's clock, and the rows have to follow. cluster_state_expiries passes each
 * known sandbox with the old and the new expiry of its row (a compare-and-set; both are the same where the
 * row is right); cluster_state_expiries_told says that the values passed last are committed. A live row that
 * is not known here yet has to be moved by the step, if it was written before the step.
 */
void cluster_state_clock_stepped(struct cluster_state *cluster, uint64_t now, int64_t step_ms,
                                 int64_t offset_ms);
typedef void cluster_state_expiry_cb(void *arg, const struct sandbox_id *id, int64_t from_ms, int64_t to_ms);
void cluster_state_expiries(struct cluster_state *cluster, cluster_state_expiry_cb *cb, void *arg);
void cluster_state_expiries_told(struct cluster_state *cluster);

/*
 * Whether rows have to be corrected although the clock was not set again: rows were found wrong, or one may
 * be wrong, which the reading after cluster_state_expiries_told shows.
 */
bool cluster_state_owes_expiries(const struct cluster_state *cluster);

/* What others may read of a sandbox. */
struct cluster_state_view {
    const char *user;
    const char *tier; /* "" where it is not known */
    const char *node;
    enum sandbox_state state;
    enum desired desired;
    uint64_t generation;
};
bool cluster_state_find(const struct cluster_state *cluster, const struct sandbox_id *id,
                        struct cluster_state_view *out);
/*
 * The spec from which its node creates the sandbox, borrowed until the next call; NULL where the sandbox is
 * not live.
 */
const uint8_t *cluster_state_spec(const struct cluster_state *cluster, const struct sandbox_id *id,
                                  size_t *len);
const struct node_table *cluster_state_nodes(const struct cluster_state *cluster);
size_t cluster_state_count(const struct cluster_state *cluster);

/* Adds the number of sandboxes in each state to out. */ void
cluster_state_by_state(const struct cluster_state *cluster, size_t out[static SANDBOX_STATE_COUNT]);

/* A live sandbox, and where it is. Borrowed until the next call. */
struct cluster_state_live {
    const struct sandbox_id *id;
    const char *node, *region, *tier;
    enum sandbox_state state;
    const struct sandbox_limits *limits;
};
typedef void cluster_state_live_cb(void *arg, const struct cluster_state_live *live);
/* Calls cb for each sandbox that is admitted. */
void cluster_state_each(const struct cluster_state *cluster, cluster_state_live_cb *cb, void *arg);

#endif
