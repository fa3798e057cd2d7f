/*
 * Events in, actions out: anyone who hears of something puts it into the core (core/reconciler.h), and what
 * the core then asks for is carried out once, at the end of the turn of the loop. So a handler calls nothing
 * that acts, no action begins in the middle of a handler, and what a turn brought about is seen as a whole:
 * its kills come before the rest of it, and wait for no more than the callbacks that were ready beside their
 * own.
 *
 *     reconciler_dead(agent->reconciler, now, &id, &exit, engine_effects(agent->engine));
 *
 * What the core asked for and was not carried out when the process ends is lost, as in a crash between the
 * event and its handler; the core's rules hold over that.
 */
#ifndef CORRAL_AGENT_ENGINE_ENGINE_H
#define CORRAL_AGENT_ENGINE_ENGINE_H

#include "agent/core/reconciler.h"
#include "common/io/loop.h"

struct engine;

/* Both from the loop, never inside a call of ours. They may put events in: what those ask for follows in the
 * same turn. */
struct engine_ops {
    void (*act)(void *owner, const struct reconciler_effect *effect); /* carries one effect out */
    void (*settled)(
        void *owner); /* the effects of this run were carried out: what waits for their room may begin */
};

/* Borrows ops and owner. */
struct engine *engine_new(struct loop *loop, const struct engine_ops *ops, void *owner);

/* Whatever is not carried out by now never is. NULL is fine. Not from an operation. */
void engine_free(struct engine *engine);

/* Where a function of the core is to put its effects, now; they are carried out at the end of this turn. */
struct reconciler_effects *engine_effects(struct engine *engine);

/* settled is to be called at the end of this turn, also where the core asks for nothing. */
void engine_due(struct engine *engine);

#endif
