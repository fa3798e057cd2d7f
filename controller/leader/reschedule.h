/* A sandbox is placed on another node: asked of the database. */
#ifndef CORRAL_CONTROLLER_LEADER_RESCHEDULE_H
#define CORRAL_CONTROLLER_LEADER_RESCHEDULE_H

#include "controller/core/cluster_state.h"

struct leader;

/* Carries a CLUSTER_RESCHEDULE out; the answer goes to cluster_state_rescheduled. */
void leader_reschedule(struct leader *leader, const struct cluster_state_effect *effect);

#endif
