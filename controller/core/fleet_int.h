/* What the files of the fleet share. Private to fleet*.c. */
#ifndef CORRAL_CONTROLLER_CORE_FLEET_INT_H
#define CORRAL_CONTROLLER_CORE_FLEET_INT_H

#include "controller/core/fleet.h"

#include "controller/core/sandbox_table.h"

#define LOST_END_AFTER_MS 2000 /* past its deadline no host lets it run longer than this */
#define FLEET_RETRY_MS    500  /* a commit that failed is tried again after this */

#define ENDED_MAX 1024 /* that are remembered, for readings that are older */

/* A sandbox that ended: an older reading may still show it live. */
struct ended {
    struct sandbox_id id;
    uint64_t stamp;
};

struct fleet {
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
struct fleet_effect *fleet_effect_add(struct fleet_effects *effects, enum fleet_effect_kind kind,
                                      const struct sandbox_entry *s);

void fleet_send_want(struct sandbox_entry *s, uint64_t now, struct fleet_effects *effects);
void fleet_send_acceptance(const char *node, const struct observation *o, struct fleet_effects *effects);

/* Compares what is committed of it with what is known, and asks for what is to be done. */
void fleet_evaluate(struct fleet *fleet, struct sandbox_entry *s, uint64_t now,
                    struct fleet_effects *effects);

/* Takes what a row wants of it, and where: from another host than before it has not been heard of. */
void fleet_entry_fill(struct fleet *fleet, struct sandbox_entry *s, uint64_t now,
                      const struct fleet_row *row);

/* Whether its host may never have been told of it, or not yet have said so. */
bool fleet_unheard(const struct sandbox_entry *s);

/* Takes what a commit answered, unless a later answer came first. */
void fleet_commit_state(struct fleet *fleet, struct sandbox_entry *s, enum sandbox_state state,
                        struct fleet_effects *effects);

/* Its state is this, whatever way led there; s is gone after an end. */
void fleet_set_state(struct fleet *fleet, struct sandbox_entry *s, enum sandbox_state state,
                     struct fleet_effects *effects);
void fleet_entry_drop(struct fleet *fleet, struct sandbox_entry *s);

/* A host that is not here gets one lease to come. */
void fleet_await_node(const struct fleet *fleet, uint64_t now, struct node *node);

/* fleet_hosts.c: its silence is declared. */
void fleet_lose_node(struct fleet *fleet, uint64_t now, struct node *node, struct fleet_effects *effects);

/*
 * fleet_reschedule.c: asks for another host where that is due; false where it is not, or there is none. As
 * long as it is not known what became of that (target), nothing else is asked for: its host's word, or its
 * silence, may not be of where it is any more.
 */
bool fleet_reschedule(struct fleet *fleet, struct sandbox_entry *s, struct fleet_effects *effects);

/* That is known, or cannot be any more: room that is held for it is free. And for good: it stays. */
void fleet_let_go(struct sandbox_entry *s);
void fleet_stay(struct sandbox_entry *s);

#endif
