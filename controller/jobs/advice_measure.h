/* What this controller itself measures for the advice on the system: how its requests to PostgreSQL go, and
 * the pressure that the nodes' sandboxes are under. */
#ifndef CORRAL_CONTROLLER_JOBS_ADVICE_MEASURE_H
#define CORRAL_CONTROLLER_JOBS_ADVICE_MEASURE_H

#include "controller/controller_state.h"

/* Takes a reading of pressures; once in 15 seconds while this controller leads. */
void advice_measure_note(struct controller *c);

/* Of advisor_conf; owner: the controller. What was noted since the call before; figures->measured: long
 * enough. */
void advice_measure(void *owner, struct advice_figures *figures);

void advice_measure_free(struct controller *c);

#endif
