/* Moves of sandboxes on their way to the database: those of one run of the engine share a transaction. */
#ifndef CORRAL_CONTROLLER_LEADER_MOVES_H
#define CORRAL_CONTROLLER_LEADER_MOVES_H

#include "controller/core/fleet.h"

struct cluster;

/* Takes a FLEET_PERSIST along; it is sent by moves_flush at the latest. The answer goes to fleet_persisted.
 */
void moves_add(struct cluster *cluster, const struct fleet_effect *effect);
void moves_flush(struct cluster *cluster);

#endif
