/* Takes up one that was being made when the last agent ended. */
#ifndef CORRAL_AGENT_SANDBOX_ADOPT_H
#define CORRAL_AGENT_SANDBOX_ADOPT_H

#include "agent/sandbox/runtime.h"

/* Its init is to say how far it came; one that is silent for too long is made again. */
void agent_adopt_wait(struct runtime *runtime);

/* begun: whether its command has begun. What its init has not begun is made again; else it goes on, or its
 * end is told. */
void agent_adopt(struct runtime *runtime, bool begun);

#endif
