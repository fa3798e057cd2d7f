/* Pauses, resumes and resizes a sandbox that runs. */
#ifndef CORRAL_AGENT_SANDBOX_CHANGE_H
#define CORRAL_AGENT_SANDBOX_CHANGE_H

#include "agent/core/keeper.h"
#include "agent/sandbox/runtime.h"

/* Then keeper_paused or keeper_resized, by the kind of the effect. */
void agent_change(struct agent *agent, const struct keeper_effect *effect);

#endif
