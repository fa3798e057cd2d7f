/* Ends the processes of a sandbox. */
#ifndef CORRAL_AGENT_SANDBOX_KILL_H
#define CORRAL_AGENT_SANDBOX_KILL_H

#include "agent/sandbox/runtime.h"

/* Then reconciler_dead. Asked for again until then. */
void agent_kill(struct runtime *runtime);

#endif
