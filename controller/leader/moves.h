/* Sends moves of sandboxes to the database: those of one run of the engine share a transaction. */
#ifndef CORRAL_CONTROLLER_LEADER_MOVES_H
#define CORRAL_CONTROLLER_LEADER_MOVES_H

#include "controller/core/cluster_state.h"

struct leader;

/*
 * add: takes a CLUSTER_PERSIST; it is sent by moves_flush at the latest. The answer goes to
 * cluster_state_persisted. flush: sends the moves gathered so far.
 */
void moves_add(struct leader *leader, const struct cluster_state_effect *effect);
void moves_flush(struct leader *leader);

#endif
