/* How much this node offers: the configured capacity, or what the machine has. */
#ifndef CORRAL_AGENT_NODE_CAPACITY_H
#define CORRAL_AGENT_NODE_CAPACITY_H

#include "common/model/node_wire.h"

struct agent;

struct node_resources agent_capacity(const struct agent *agent);

#endif
