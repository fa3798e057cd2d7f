/* Containers that Docker may still create, start or keep after their request was given up. */
#ifndef CORRAL_AGENT_SANDBOX_LATE_H
#define CORRAL_AGENT_SANDBOX_LATE_H

#include "common/base/id.h"

struct agent;

void agent_late_watch(struct agent *agent, const struct sandbox_id *id);
void agent_late_free(struct agent *agent);

#endif
