/* A row of the database, as the core takes it. */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_ROW_H
#define CORRAL_CONTROLLER_LEADER_LEADER_ROW_H

#include "controller/core/cluster_state.h"
#include "controller/db/db_sandbox.h"

/* Borrows what the row borrows. */
struct cluster_state_row leader_row(const struct db_sandbox_row *row);

#endif
