/* Samples, violations, idleness: samples every running sandbox once in an interval, and when its memory
 * rings. */
#ifndef CORRAL_AGENT_SANDBOX_WATCH_H
#define CORRAL_AGENT_SANDBOX_WATCH_H

#include "agent/sandbox/runtime.h"
#include "common/base/err.h"

void agent_watch_start(struct agent *agent);

/* Each regular sample of these sandboxes is kept for the history, until another order or its end. */
void agent_watch_densely(struct agent *agent, const struct dense_order *order);

void agent_on_alarm(void *agent, void *runtime); /* of its memory */

void agent_last_sample(struct runtime *runtime); /* the figures that go with its end */
void agent_watch_end(struct runtime *runtime);   /* its last sample is kept */

int agent_watch_memory(struct runtime *runtime, struct err *e) MUST_CHECK;
void agent_watch_level(struct runtime *runtime); /* its limit, or the levels, were changed */

/* Its init is linked, or its memory limit was changed: tells the init how much output of processes it may
 * keep. */
void agent_bound_output(struct runtime *runtime);

#endif
