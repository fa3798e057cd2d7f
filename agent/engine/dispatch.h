/* Carries out the effects of the core: on disk, through Docker, through the kernel, to the controller. */
#ifndef CORRAL_AGENT_ENGINE_DISPATCH_H
#define CORRAL_AGENT_ENGINE_DISPATCH_H

#include "agent/engine/engine.h"

/* Operations of the engine whose owner is the agent. */
extern const struct engine_ops agent_engine_ops;

#endif
