/* Removes what is left of a sandbox: its container, its disk, then its runtime. */
#ifndef CORRAL_AGENT_SANDBOX_REMOVE_H
#define CORRAL_AGENT_SANDBOX_REMOVE_H

#include "agent/sandbox/runtime.h"

/* Calls reconciler_removed afterwards. */
void agent_remove(struct runtime *runtime);

/* Frees it; no callback for it comes afterwards. The folder of its init's socket stays: a sandbox that lives
 * on has it mounted, and a new folder of the same name would be another one to it. */
void agent_runtime_free(struct runtime *runtime);

/* Of a sandbox that has ended: frees it, and removes that folder. */
void agent_runtime_drop(struct runtime *runtime);

#endif
