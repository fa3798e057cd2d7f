/* Containers that Docker may make, start or keep after nobody waits for it any more. */
#ifndef CORRAL_AGENT_SANDBOX_LATE_H
#define CORRAL_AGENT_SANDBOX_LATE_H

#include "common/base/id.h"

struct agent;

void agent_late_watch(struct agent *agent, const struct sandbox_id *id);
void agent_late_free(struct agent *agent);

#endif
