/* A sandbox is placed on another host: asked of the database. */
#ifndef CORRAL_CONTROLLER_LEADER_RESCHEDULE_H
#define CORRAL_CONTROLLER_LEADER_RESCHEDULE_H

#include "controller/core/fleet.h"

struct cluster;

/* Carries a FLEET_RESCHEDULE out; the answer goes to fleet_rescheduled. */
void cluster_reschedule(struct cluster *cluster, const struct fleet_effect *effect);

#endif
