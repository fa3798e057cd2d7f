/* The rows of the warm pool, while it leads. */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_WARM_ROWS_H
#define CORRAL_CONTROLLER_LEADER_LEADER_WARM_ROWS_H

#include "controller/core/warm_pool.h"

struct leader;

/* At the beginning of a lead: reads the rows, then calls next; on a failure again. Called again after a lost
 * lead it does nothing. */
void leader_warm_begin(struct leader *leader, void (*next)(void *leader), void (*again)(void *leader));

/* Writes the row of a member that begins (cluster_state_warm_begin). */
void leader_warm_add(struct leader *leader, const struct warm_row *row);

/* Carries out a CLUSTER_WARM_DROP. */
void leader_warm_drop(struct leader *leader, const struct cluster_state_effect *effect);

/* Reads the rows again, for cluster_state_warm_read. */
void leader_warm_refresh(struct leader *leader);

#endif
