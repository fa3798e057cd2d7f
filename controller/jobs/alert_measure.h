/* What this controller itself measures for rules of alerts. */
#ifndef CORRAL_CONTROLLER_JOBS_ALERT_MEASURE_H
#define CORRAL_CONTROLLER_JOBS_ALERT_MEASURE_H

#include "controller/controller_state.h"

/* Of alerts_conf; owner: the controller. */
void alert_measure(void *owner, const struct db_alert_rule *rule, struct json_text *out);

/* Reads how many keys were refused so far; once a second. */
void alert_measure_note(struct controller *c);

#endif
