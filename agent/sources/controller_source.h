/* What the controller sends to this node, and what this node tells it about itself. */
#ifndef CORRAL_AGENT_SOURCES_CONTROLLER_SOURCE_H
#define CORRAL_AGENT_SOURCES_CONTROLLER_SOURCE_H

#include "agent/uplink/uplink.h"

/* Operations of the uplink whose owner is the agent. */
extern const struct uplink_ops agent_uplink_ops;

/* Begins to dial the controller, unless it has begun. arg: the agent. */
void agent_dial(void *arg);

#endif
