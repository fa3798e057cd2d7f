/* Removes what is left of a sandbox: its container, its disk, then what this process holds of it. */
#ifndef CORRAL_AGENT_SANDBOX_REMOVE_H
#define CORRAL_AGENT_SANDBOX_REMOVE_H

#include "agent/sandbox/runtime.h"

/* Then reconciler_removed. */
void agent_remove(struct runtime *runtime);

/* Frees it; nothing of it is called back any more. */
void agent_runtime_drop(struct runtime *runtime);

#endif
