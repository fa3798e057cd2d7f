/* Asks the database to place a sandbox on another node. */
#ifndef CORRAL_CONTROLLER_LEADER_RESCHEDULE_H
#define CORRAL_CONTROLLER_LEADER_RESCHEDULE_H

#include "controller/core/cluster_state.h"

struct leader;

/* Carries out a CLUSTER_RESCHEDULE; the answer goes to cluster_state_rescheduled. */
void leader_reschedule(struct leader *leader, const struct cluster_state_effect *effect);

#endif
