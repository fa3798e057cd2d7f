/*
 * Kills terminals that nobody is attached to any more, when their grace is over. How long that is comes with
 * the start and is kept in the init (the note of the process), so it holds with the controller gone; an agent
 * that restarts begins the grace again. On the loop.
 */
#ifndef CORRAL_AGENT_STREAMS_TERMINAL_GRACE_H
#define CORRAL_AGENT_STREAMS_TERMINAL_GRACE_H

#include "agent/sandbox/runtime.h"

/* Begins the grace of a process, if it has one, runs and is not attended (a stream is attached to it), unless
 * it runs already; otherwise ends it. Call after each change of these. */
void terminal_grace_check(struct runtime *runtime, const struct initlink_process *process, bool attended);

/* The sandbox is about to go. */
void terminal_grace_drop(struct runtime *runtime);

#endif
