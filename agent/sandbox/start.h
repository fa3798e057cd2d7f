/* The start of a sandbox, from desired state to running command. The steps up to the disk are here; those
 * after it in start_container.h. */
#ifndef CORRAL_AGENT_SANDBOX_START_H
#define CORRAL_AGENT_SANDBOX_START_H

#include "agent/sandbox/runtime.h"

/* Calls reconciler_started afterwards. */
void agent_begin_start(struct runtime *runtime);

/* Begins every start that may begin now. Code that ends a turn, or asks for one, calls engine_due, and the
 * engine then calls this. */
void agent_next_turns(struct agent *agent);

/* Tells the uplink how many starts wait for a turn, and for how long. Call several times a second. */
void agent_tell_turns(struct agent *agent);

#endif
