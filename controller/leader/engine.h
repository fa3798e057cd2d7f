/*
 * Events in, effects out: a handler passes its event to the core (core/cluster_state.h) and returns. The
 * effects are carried out once, at the end of the turn of the loop. So no handler calls the code that acts,
 * and all moves of one turn share their transactions.
 *
 *     cluster_state_tick(leader->cluster, now, leader_effects(leader->engine));
 *
 * Effects that are not carried out when the lead or the process ends are lost, as in a crash between an event
 * and its handler; the core's rules allow for that.
 */
#ifndef CORRAL_CONTROLLER_LEADER_ENGINE_H
#define CORRAL_CONTROLLER_LEADER_ENGINE_H

#include "common/io/loop.h"
#include "controller/core/cluster_state.h"

struct leader_engine;

/*
 * Both are called from the loop, never inside one of the calls below. They may pass events to the core: the
 * effects follow in the same turn.
 */
struct leader_engine_ops {
    void (*act)(void *owner, const struct cluster_state_effect *effect); /* carries out one effect */
    void (*settled)(void *owner); /* all effects of this run are carried out: sends what they gathered */
};

/* Borrows ops and owner. */
struct leader_engine *leader_engine_new(struct loop *loop, const struct leader_engine_ops *ops, void *owner);

/* NULL is allowed. Not from an operation. */
void leader_engine_free(struct leader_engine *engine);

/*
 * Where a function of the core has to append its effects now; they are carried out at the end of this turn.
 */
struct cluster_state_effects *leader_effects(struct leader_engine *engine);

/* The lead is over: drops the effects that are not carried out yet. */
void leader_engine_clear(struct leader_engine *engine);

#endif
