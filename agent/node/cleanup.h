/*
 * The cleanup of this node: removes what belongs to no sandbox in its records. It runs when the controller
 * asks, by itself while the controller is away, and in part when Docker is first reached. Each step is its
 * own turn of the loop, so that nothing waits for a cleanup.
 */
#ifndef CORRAL_AGENT_NODE_CLEANUP_H
#define CORRAL_AGENT_NODE_CLEANUP_H

#include "common/model/cleanup.h"
#include "common/model/node_wire.h"

#include <stdint.h>

struct agent;

void agent_cleanup_ordered(struct agent *agent, const struct cleanup_order *order); /* by the controller */
void agent_cleanup_at_beginning(struct agent *agent); /* Docker was reached: orphans of the previous run */
void agent_cleanup_tick(struct agent *agent, uint64_t now);

#endif
