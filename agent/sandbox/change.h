/* Pauses, resumes and resizes a running sandbox. */
#ifndef CORRAL_AGENT_SANDBOX_CHANGE_H
#define CORRAL_AGENT_SANDBOX_CHANGE_H

#include "agent/core/reconciler.h"
#include "agent/sandbox/runtime.h"

/* Calls reconciler_paused or reconciler_resized afterwards, by the kind of the effect. */
void agent_change(struct agent *agent, const struct reconciler_effect *effect);

#endif
