/*
 * Takes the output of a sandbox's command out of Docker, at its end and before its container is removed, and
 * gives it to node/logs.h. The removal waits for that, but not for long: a read that has no turn within
 * TAKE_TURN_MS does not begin; Docker has TAKE_WAIT_MS to get the last output; past TAKE_LOG_MS, or where
 * Docker says nothing for TAKE_SILENCE_MS, only the last lines are read, and past TAKE_LAST_MS more the log
 * is lost, which is logged and counted; past TAKE_WRITE_MS the removal goes on while the log is written. The
 * sandbox's processes are dead by then. Logs are read in turn by user (core/turns.h), so that the many
 * sandboxes of one do not cost another's log. On the loop.
 */
#ifndef CORRAL_AGENT_SANDBOX_TAKE_LOG_H
#define CORRAL_AGENT_SANDBOX_TAKE_LOG_H

#include "agent/sandbox/runtime.h"

#define TAKE_TURN_MS    10000 /* a DELETE waits longer */
#define TAKE_WAIT_MS    1000  /* until Docker has read all that was written */
#define TAKE_LOG_MS     4000
#define TAKE_SILENCE_MS 2000 /* of Docker */
#define TAKE_LAST_MS    1000
#define TAKE_WRITE_MS   1000
#define TAKE_AT_ONCE    4 /* reads, which share the processor; further ones wait for their turn */
#define TAKE_OF_USER    2
#define TAKE_LAST       5000

/* Once, before all else. */
void agent_take_log_init(struct agent *agent);

/* Calls done later. False: there is nothing to take, and no call. */
bool agent_take_log(struct runtime *runtime, void (*done)(struct runtime *runtime));

/* The runtime is about to go: a read that waits does not begin. */
void agent_take_log_end(struct runtime *runtime);

#endif
