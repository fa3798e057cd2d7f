/* Converts a row of the database for the core. */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_ROW_H
#define CORRAL_CONTROLLER_LEADER_LEADER_ROW_H

#include "controller/core/cluster_state.h"
#include "controller/db/db_sandbox.h"

/* The result borrows what the row borrows. */
struct cluster_state_row leader_row(const struct db_sandbox_row *row);

#endif
