/* Removes what is left of a sandbox: its container, its disk, then its runtime. */
#ifndef CORRAL_AGENT_SANDBOX_REMOVE_H
#define CORRAL_AGENT_SANDBOX_REMOVE_H

#include "agent/sandbox/runtime.h"

/* Calls reconciler_removed afterwards. */
void agent_remove(struct runtime *runtime);

/* Frees it; no callback for it comes afterwards. */
void agent_runtime_drop(struct runtime *runtime);

#endif
