/*
 * The cleanup of this host: what belongs to no sandbox of our records goes. It runs when the controller asks,
 * in its time when the controller is away, and in part when Docker is met. One step in a turn of the loop, so
 * that nothing waits for a cleanup.
 */
#ifndef CORRAL_AGENT_NODE_CLEANUP_H
#define CORRAL_AGENT_NODE_CLEANUP_H

#include "common/model/cleanup.h"
#include "common/model/node_wire.h"

#include <stdint.h>

struct agent;

void agent_cleanup_ordered(struct agent *agent, const struct cleanup_order *order); /* by the controller */
void agent_cleanup_at_beginning(struct agent *agent); /* Docker was met: orphans of the last life */
void agent_cleanup_tick(struct agent *agent, uint64_t now);

#endif
