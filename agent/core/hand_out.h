/*
 * How a sandbox takes over a member of the warm pool: a desired state of the member's id that is not pooled.
 * Private to the reconciler.
 *
 *     RUNNING ── RECONCILER_PREPARE ── on disk ── RECONCILER_HAND_OUT ── done ──► RUNNING, warm
 *                       └── the member is unfit ──┐
 *     not ready, or ended ────────────────────────┴─ on disk ── removed ──► a cold start
 *
 * Nothing begins in it, and nothing of it is removed, before the record on disk says that the member is
 * taken: so after a crash nobody takes it for a member again. Its limits and its environment may be set
 * meanwhile: its id says whose it will be. Pure.
 */
#ifndef CORRAL_AGENT_CORE_HAND_OUT_H
#define CORRAL_AGENT_CORE_HAND_OUT_H

#include "agent/core/sandbox_index.h"
#include "agent/core/sandbox_steps.h"

/* Whether it takes the member over. The generation is known to be a higher one, or that of its removal. */
bool hand_out_takes(const struct sandbox *sandbox, const struct desired_state *desired);

/* Makes the member the sandbox of this desired state. */
void hand_out_take(struct sandbox *sandbox, uint64_t now, const struct desired_state *desired,
                   struct reconciler_effects *effects);

/* It is to be removed, before or after a sandbox took it over: one that never ran has failed. */
void hand_out_spare(struct sandbox *sandbox, const struct desired_state *desired);

/* That it is taken is on disk. */
void hand_out_saved(struct sandbox *sandbox, struct reconciler_effects *effects);

/* That it is taken cannot be written: the sandbox ends here, and what is left of the member is removed. */
void hand_out_unsaved(struct sandbox *sandbox, struct reconciler_effects *effects);

/* The owner refuses to hand the member out. */
void hand_out_refused(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects);

/* Removes what is left of the member, or of an interrupted start, unless that is under way. */
void hand_out_go_on(struct sandbox *sandbox, struct reconciler_effects *effects);

#endif
