/* Shared by the files of the cluster state. Private to cluster_state*.c. */
#ifndef CORRAL_CONTROLLER_CORE_CLUSTER_STATE_INT_H
#define CORRAL_CONTROLLER_CORE_CLUSTER_STATE_INT_H

#include "controller/core/cluster_state.h"

#include "controller/core/sandbox_table.h"
#include "controller/core/warm_pool_int.h"

#define LOST_END_AFTER_MS 2000 /* no node lets a sandbox run longer than this past its deadline */
#define CLUSTER_RETRY_MS  500  /* a commit that failed is tried again after this */

#define ENDED_MAX 1024 /* ended sandboxes that are remembered, for readings that are older */

/* A sandbox that ended: an older reading may still show it live. */
struct ended {
    struct sandbox_id id;
    uint64_t stamp;
};

struct cluster_state {
    struct sandbox_table sandboxes;
    struct node_table nodes;
    struct warm_pool warm;
    uint64_t lease_ms;
    struct ended ended[ENDED_MAX]; /* the latest ones */
    size_t ended_next;
    uint64_t stamp;                          /* of readings: a later change has a higher stamp */
    uint64_t ticked_ms;                      /* 0: never */
    uint64_t listen_ms;                      /* no node is declared silent before this time */
    uint64_t stepped_ms;                     /* when a step of PostgreSQL's clock was last seen; 0: never */
    int64_t offset_ms;                       /* …and its offset from the loop's clock then */
    uint64_t found, found_asked, found_told; /* count of rows found wrong, or possibly wrong: so far; at
                                                cluster_state_expiries; and as committed */
};

/*
 * Appends an effect that has only its kind, and the id and node of s (may be NULL). Borrowed until the next
 * one is appended.
 */
struct cluster_state_effect *cluster_state_effect_add(struct cluster_state_effects *effects,
                                                      enum cluster_state_effect_kind kind,
                                                      const struct sandbox_entry *s);

void cluster_state_send_desired(struct sandbox_entry *s, uint64_t now, struct cluster_state_effects *effects);
void cluster_state_send_ack(const char *node, const struct sandbox_status *status,
                            struct cluster_state_effects *effects);

/* Compares the committed state of s with what is known of it, and appends the effect that is due. */
void cluster_state_evaluate(struct cluster_state *cluster, struct sandbox_entry *s, uint64_t now,
                            struct cluster_state_effects *effects);

/* Takes the desired state and the node from a row. What an earlier node reported is dropped. */
void cluster_state_entry_fill(struct cluster_state *cluster, struct sandbox_entry *s, uint64_t now,
                              const struct sandbox_row *row);

/* Whether its node may not have received the sandbox yet, or not have reported it yet. */
bool cluster_state_unheard(const struct sandbox_entry *s);

/* Takes the state that a commit answered, unless a later answer came first. */
void cluster_state_commit_state(struct cluster_state *cluster, struct sandbox_entry *s,
                                enum sandbox_state state, struct cluster_state_effects *effects);

/* Sets the state, without a check that the move is legal. After an end, s is freed. */
void cluster_state_set_state(struct cluster_state *cluster, struct sandbox_entry *s, enum sandbox_state state,
                             struct cluster_state_effects *effects);
void cluster_state_entry_drop(struct cluster_state *cluster, struct sandbox_entry *s);

/* A node without a session gets one lease to connect. */
void cluster_state_await_node(const struct cluster_state *cluster, uint64_t now, struct node *node);

/* cluster_state_nodes.c: declares the node silent. */
void cluster_state_lose_node(struct cluster_state *cluster, uint64_t now, struct node *node,
                             struct cluster_state_effects *effects);

/*
 * cluster_state_reschedule.c: asks for another node where that is due; false where it is not, or where no
 * other node fits. While the result is unknown (s->target is set), nothing else is asked for: a report of its
 * node, or its silence, may concern a node that does not have the sandbox any more.
 */
bool cluster_state_reschedule(struct cluster_state *cluster, struct sandbox_entry *s,
                              struct cluster_state_effects *effects);

/*
 * The warm pool. warm_nodes.c: send_desired tells its node to make it; go: to remove it; drop_row: the node
 * has removed it; status and session: what nodes say (session_begins: before the inventory is taken, session:
 * after). cluster_state_warm.c: node_of: the node of the member that was taken for this id, NULL where it is
 * of no use; admitted, refused: the answer to its admission; overtaken: the sandbox is placed on this node,
 * and takes whatever is left there of a member of its id.
 */
void warm_send_desired(struct warm_member *m, uint64_t now, struct cluster_state_effects *effects);
void warm_go(struct warm_member *m, uint64_t now, struct cluster_state_effects *effects);
void warm_drop_row(struct warm_member *m, uint64_t now, struct cluster_state_effects *effects);
void warm_status(struct cluster_state *cluster, struct warm_member *m, uint64_t now,
                 const struct sandbox_status *status, struct cluster_state_effects *effects);
void warm_session_begins(struct cluster_state *cluster, const struct node *node);
void warm_session(struct cluster_state *cluster, uint64_t now, const struct node *node,
                  struct cluster_state_effects *effects);
struct node *warm_node_of(const struct cluster_state *cluster, const struct sandbox_id *id,
                          const struct place_request *request);
void warm_admitted(struct cluster_state *cluster, uint64_t now, struct sandbox_entry *s,
                   struct cluster_state_effects *effects);
void warm_refused(struct cluster_state *cluster, const struct sandbox_id *id);
void warm_overtaken(struct cluster_state *cluster, const struct sandbox_entry *s, const struct node *node);

/*
 * let_go: the placement is decided, or void: releases the room on s->target. stay: also drops the request, so
 * that the sandbox is not placed again.
 */
void cluster_state_let_go(struct sandbox_entry *s);
void cluster_state_stay(struct sandbox_entry *s);

#endif
