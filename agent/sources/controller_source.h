/* What the controller says to this node, and what it is told of it. */
#ifndef CORRAL_AGENT_SOURCES_CONTROLLER_SOURCE_H
#define CORRAL_AGENT_SOURCES_CONTROLLER_SOURCE_H

#include "agent/uplink/uplink.h"

/* The owner is the agent. */
extern const struct uplink_ops agent_uplink_ops;

/* Begins to dial the controller, if it has not. arg: the agent. */
void agent_dial(void *arg);

#endif
