/* What the files of the cluster state share. Private to cluster state*.c. */
#ifndef CORRAL_CONTROLLER_CORE_CLUSTER_STATE_INT_H
#define CORRAL_CONTROLLER_CORE_CLUSTER_STATE_INT_H

#include "controller/core/cluster_state.h"

#include "controller/core/sandbox_table.h"

#define LOST_END_AFTER_MS 2000 /* past its deadline no node lets it run longer than this */
#define CLUSTER_RETRY_MS  500  /* a commit that failed is tried again after this */

#define ENDED_MAX 1024 /* that are remembered, for readings that are older */

/* A sandbox that ended: an older reading may still show it live. */
struct ended {
    struct sandbox_id id;
    uint64_t stamp;
};

struct cluster_state {
    struct sandbox_table sandboxes;
    struct node_table nodes;
    uint64_t lease_ms;
    struct ended ended[ENDED_MAX]; /* the latest ones */
    size_t ended_next;
    uint64_t stamp;                          /* of readings: what changed since has a higher one */
    uint64_t ticked_ms;                      /* 0: never */
    uint64_t listen_ms;                      /* until then nobody's silence is held against them */
    uint64_t stepped_ms;                     /* when PostgreSQL's clock was last seen to be set; 0: never */
    int64_t offset_ms;                       /* …and how far from the loop's it was then */
    uint64_t found, found_asked, found_told; /* times that rows are, or may be, wrong; what of it is told */
};

/* An effect, all zero but what it is of. Borrowed until the next one. */
struct cluster_state_effect *cluster_state_effect_add(struct cluster_state_effects *effects,
                                                      enum cluster_state_effect_kind kind,
                                                      const struct sandbox_entry *s);

void cluster_state_send_desired(struct sandbox_entry *s, uint64_t now, struct cluster_state_effects *effects);
void cluster_state_send_ack(const char *node, const struct sandbox_status *o,
                            struct cluster_state_effects *effects);

/* Compares what is committed of it with what is known, and asks for what is to be done. */
void cluster_state_evaluate(struct cluster_state *cluster, struct sandbox_entry *s, uint64_t now,
                            struct cluster_state_effects *effects);

/* Takes what a row wants of it, and where: from another node than before it has not been heard of. */
void cluster_state_entry_fill(struct cluster_state *cluster, struct sandbox_entry *s, uint64_t now,
                              const struct cluster_state_row *row);

/* Whether its node may never have been told of it, or not yet have said so. */
bool cluster_state_unheard(const struct sandbox_entry *s);

/* Takes what a commit answered, unless a later answer came first. */
void cluster_state_commit_state(struct cluster_state *cluster, struct sandbox_entry *s,
                                enum sandbox_state state, struct cluster_state_effects *effects);

/* Its state is this, whatever way led there; s is gone after an end. */
void cluster_state_set_state(struct cluster_state *cluster, struct sandbox_entry *s, enum sandbox_state state,
                             struct cluster_state_effects *effects);
void cluster_state_entry_drop(struct cluster_state *cluster, struct sandbox_entry *s);

/* A node that is not here gets one lease to come. */
void cluster_state_await_node(const struct cluster_state *cluster, uint64_t now, struct node *node);

/* cluster_state_nodes.c: its silence is declared. */
void cluster_state_lose_node(struct cluster_state *cluster, uint64_t now, struct node *node,
                             struct cluster_state_effects *effects);

/*
 * cluster_state_reschedule.c: asks for another node where that is due; false where it is not, or there is
 * none. As long as it is not known what became of that (target), nothing else is asked for: its node's word,
 * or its silence, may not be of where it is any more.
 */
bool cluster_state_reschedule(struct cluster_state *cluster, struct sandbox_entry *s,
                              struct cluster_state_effects *effects);

/* That is known, or cannot be any more: room that is held for it is free. And for good: it stays. */
void cluster_state_let_go(struct sandbox_entry *s);
void cluster_state_stay(struct sandbox_entry *s);

#endif
