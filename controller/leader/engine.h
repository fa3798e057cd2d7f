/*
 * Events in, effects out: a handler puts what it hears into the core (core/cluster_state.h) and returns. What
 * the core asks for is carried out once, at the end of the turn of the loop, so that no handler calls what
 * acts, and the moves of a whole turn share their transactions.
 *
 *     cluster_state_tick(leader->cluster state, now, leader_effects(leader->engine));
 *
 * Effects that were not carried out when the lead or the process ends are lost, as in a crash between the
 * event and its handler; the core's rules hold over that.
 */
#ifndef CORRAL_CONTROLLER_LEADER_ENGINE_H
#define CORRAL_CONTROLLER_LEADER_ENGINE_H

#include "common/io/loop.h"
#include "controller/core/cluster_state.h"

struct leader_engine;

/* Both are called from the loop, never inside a call of ours. They may put events in: the effects of those
 * follow in the same turn. */
struct leader_engine_ops {
    void (*act)(void *owner, const struct cluster_state_effect *effect); /* carries one effect out */
    void (*settled)(void *owner); /* all effects of this run were carried out: what they gathered is sent */
};

/* Borrows ops and owner. */
struct leader_engine *leader_engine_new(struct loop *loop, const struct leader_engine_ops *ops, void *owner);

/* NULL is allowed. Not from an operation. */
void leader_engine_free(struct leader_engine *engine);

/* Where a function of the core is to put its effects, now; they are carried out at the end of this turn. */
struct cluster_state_effects *leader_effects(struct leader_engine *engine);

/* The lead is over: effects that were not carried out are dropped. */
void leader_engine_clear(struct leader_engine *engine);

#endif
