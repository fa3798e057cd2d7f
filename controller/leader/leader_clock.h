/* PostgreSQL's clock, watched for the term of a lead. Private to controller/leader/. */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_CLOCK_H
#define CORRAL_CONTROLLER_LEADER_LEADER_CLOCK_H

#include "controller/leader/leader.h"

/*
 * At the start of a lead: reads PostgreSQL's clock, corrects the rows if it was set since the last leader
 * read it, then calls then(leader).
 */
void leader_clock_begin(struct leader *leader, loop_cb *then);

/* When the lead is lost. */
void leader_clock_end(struct leader *leader);

#endif
