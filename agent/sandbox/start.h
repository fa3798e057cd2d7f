/* From a desired state to a running command. Its steps up to the disk are here; what follows is in
 * start_container.h.
 */
#ifndef CORRAL_AGENT_SANDBOX_START_H
#define CORRAL_AGENT_SANDBOX_START_H

#include "agent/sandbox/runtime.h"

/* Then reconciler_started. */
void agent_begin_start(struct runtime *runtime);

/* Begins what may begin by now: anyone who gives a turn up, or asks for one, makes the engine due, which
 * calls it. */
void agent_next_turns(struct agent *agent);

#endif
