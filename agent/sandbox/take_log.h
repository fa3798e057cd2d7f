/*
 * Takes the output of a sandbox's command out of Docker, at its end and before its container is removed, and
 * gives it to node/logs.h. The removal waits for that, but not for long: past TAKE_LOG_MS only the last lines
 * are read, and past TAKE_LAST_MS more the log is lost, which is logged and counted. The sandbox's processes
 * are dead by then. On the loop.
 */
#ifndef CORRAL_AGENT_SANDBOX_TAKE_LOG_H
#define CORRAL_AGENT_SANDBOX_TAKE_LOG_H

#include "agent/sandbox/runtime.h"

#define TAKE_LOG_MS  2000
#define TAKE_LAST_MS 1000
#define TAKE_AT_ONCE 8 /* logs in memory; further ones wait, within their time */
#define TAKE_LAST    5000

/* Calls done later. False: there is nothing to take, and no call. */
bool agent_take_log(struct runtime *runtime, void (*done)(struct runtime *runtime));

/* The runtime is about to go: a read that waits does not begin. */
void agent_take_log_end(struct runtime *runtime);

#endif
