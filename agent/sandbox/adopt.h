/* Adopts a sandbox whose start was under way when the last agent ended. */
#ifndef CORRAL_AGENT_SANDBOX_ADOPT_H
#define CORRAL_AGENT_SANDBOX_ADOPT_H

#include "agent/sandbox/runtime.h"

/* Waits for its init to say how far the start came; if the init is silent for too long, the sandbox is
 * started again. */
void agent_adopt_wait(struct runtime *runtime);

/* begun: whether its command has begun. If not, it is started again; else it continues, or its end is
 * reported. */
void agent_adopt(struct runtime *runtime, bool begun);

#endif
