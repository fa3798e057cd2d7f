/*
 * The sweep of this host: what belongs to no sandbox of our records goes. It runs when the controller asks,
 * in its time when the controller is away, and in part when Docker is met. One step in a turn of the loop, so
 * that nothing waits for a sweep.
 */
#ifndef CORRAL_AGENT_NODE_CLEANUP_H
#define CORRAL_AGENT_NODE_CLEANUP_H

#include "common/model/node_wire.h"
#include "common/model/sweep.h"

#include <stdint.h>

struct agent;

void agent_sweep_ordered(struct agent *agent, const struct sweep_order *order); /* by the controller */
void agent_sweep_at_beginning(struct agent *agent); /* Docker was met: strays of the last life */
void agent_sweep_tick(struct agent *agent, uint64_t now);

#endif
