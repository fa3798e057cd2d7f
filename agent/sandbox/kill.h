/* Ends the processes of a sandbox. */
#ifndef CORRAL_AGENT_SANDBOX_KILL_H
#define CORRAL_AGENT_SANDBOX_KILL_H

#include "agent/sandbox/runtime.h"

/* Calls reconciler_dead once they are dead. The core repeats the request until then. */
void agent_kill(struct runtime *runtime);

#endif
