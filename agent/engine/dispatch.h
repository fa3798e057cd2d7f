/* Carries out what the core asked for: on disk, through Docker, through the kernel, to the controller. */
#ifndef CORRAL_AGENT_ENGINE_DISPATCH_H
#define CORRAL_AGENT_ENGINE_DISPATCH_H

#include "agent/engine/engine.h"

/* The owner is the agent. */
extern const struct engine_ops agent_engine_ops;

#endif
