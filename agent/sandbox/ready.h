/*
 * The ready check of a sandbox: a command that is run inside it, again and again, until it ends with 0. Its
 * deadline counts from the moment when the sandbox's own command began, also across a restart of the agent,
 * which begins the check again. While it goes on the sandbox is held to all limits, and may end in any way.
 */
#ifndef CORRAL_AGENT_SANDBOX_READY_H
#define CORRAL_AGENT_SANDBOX_READY_H

#include "agent/sandbox/runtime.h"

/* Begins it. Then reconciler_ready or reconciler_not_ready, unless the sandbox ends before. */
void agent_ready_begin(struct agent *agent, const struct sandbox_id *id);

/* Its init has told something of its processes. */
void agent_ready_update(struct runtime *runtime, const struct initlink_update *update);

/* Without a word to the core. */
void agent_ready_end(struct runtime *runtime);

#endif
