/*
 * Events in, effects out. A source of events puts them into the core (core/reconciler.h); the engine carries
 * out what the core asks for once, at the end of the turn of the loop. So a handler calls nothing that acts,
 * no action begins in the middle of a handler, and the effects of a turn are seen as a whole: its kills are
 * carried out first, and wait only for the callbacks that were ready in the same turn.
 *
 *     reconciler_dead(agent->reconciler, now, &id, &exit, engine_effects(agent->engine));
 *
 * Effects that are not carried out when the process ends are lost, as in a crash between the event and its
 * handler; the core's rules allow for that.
 */
#ifndef CORRAL_AGENT_ENGINE_ENGINE_H
#define CORRAL_AGENT_ENGINE_ENGINE_H

#include "agent/core/reconciler.h"
#include "common/io/loop.h"

struct engine;

/* Both are called from the loop, never inside a call of ours. They may put events in: the effects of these
 * follow in the same turn. */
struct engine_ops {
    void (*act)(void *owner, const struct reconciler_effect *effect); /* carries one effect out */
    void (*settled)(void *owner); /* all effects of this run were carried out */
};

/* Borrows ops and owner. */
struct engine *engine_new(struct loop *loop, const struct engine_ops *ops, void *owner);

/* Effects that are still pending are dropped. NULL is fine. Not from an operation. */
void engine_free(struct engine *engine);

/* Where a function of the core appends its effects; they are carried out at the end of this turn. */
struct reconciler_effects *engine_effects(struct engine *engine);

/* Calls `settled` at the end of this turn, even if the core asks for nothing. */
void engine_due(struct engine *engine);

#endif
