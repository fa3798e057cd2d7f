/* Measures the starts of sandboxes (controller/core/starts.h). Private to controller/leader/. */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_STARTS_H
#define CORRAL_CONTROLLER_LEADER_LEADER_STARTS_H

#include "controller/leader/leader.h"

/* Subscribes to changes, by which a start is over. Once. */
void leader_starts_subscribe(struct leader *leader);

/* Admitted just now. asked_ms: when the create was taken, on the loop's clock. */
void leader_starts_admitted(struct leader *leader, const struct sandbox_id *id, uint64_t asked_ms);

/* Adds the controller's own times to those of a move that says that the sandbox has run. */
void leader_starts_told(struct leader *leader, struct sandbox_move *move);

#endif
