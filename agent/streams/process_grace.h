/*
 * Kills processes that nobody is attached to, terminals and those that are held for a client, when their
 * grace is over. How long that is comes with the start and is kept in the init (the note of the process), so
 * it goes on with the controller gone; an agent that restarts begins the grace again. On the loop.
 */
#ifndef CORRAL_AGENT_STREAMS_PROCESS_GRACE_H
#define CORRAL_AGENT_STREAMS_PROCESS_GRACE_H

#include "agent/sandbox/runtime.h"

/* Begins the grace of a process, if it has one, runs and is not attended (a stream is attached to it), unless
 * it runs already; otherwise ends it. Call after each change of these. */
void process_grace_check(struct runtime *runtime, const struct initlink_process *process, bool attended);

/* The sandbox is about to go. */
void process_grace_drop(struct runtime *runtime);

#endif
