/* Rows and marks read again, periodically and when told that they changed. Starts and ends with the lead.
 * Private to controller/leader/. */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_REFRESH_H
#define CORRAL_CONTROLLER_LEADER_LEADER_REFRESH_H

#include "controller/leader/leader.h"

void leader_refresh_begin(struct leader *leader);
void leader_refresh_end(struct leader *leader);

#endif
