/* Of which classes the warm pool has members at any time: what shared templates ask for. */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_FLOORS_H
#define CORRAL_CONTROLLER_LEADER_LEADER_FLOORS_H

#include "controller/leader/leader.h"

/* Reads them again where that is due. */
void leader_floors_tick(struct leader *leader);

#endif
