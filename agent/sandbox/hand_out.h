/*
 * The hand-out of a member of the warm pool to the sandbox that takes it over: checks that nobody touched it,
 * sets the sandbox's limits by the cgroup's files and prlimit, gives its environment and its command to the
 * init. Docker is asked for nothing on the way, except where the name of the image may have changed, and is
 * told of the limits afterwards (RECONCILER_RESIZE).
 *
 *     the image's name, if unsure ─┬─► limits (a thread) ─┬─► command, if it has one ──► reconciler_started
 *                                  ├─► environment ───────┤
 *                                  └─► record on disk ────┘
 *              └─────────────── anything amiss ───────────┴──► reconciler_not_handed_out: a cold start
 *
 * Once the command was sent, it is not sent to another container: what fails then fails as any start does.
 */
#ifndef CORRAL_AGENT_SANDBOX_HAND_OUT_H
#define CORRAL_AGENT_SANDBOX_HAND_OUT_H

#include "agent/sandbox/runtime.h"

/* Prepares it, while the record is being written, and begins the command once that is on disk. Call
 * reconciler_started or reconciler_not_handed_out, now or later. */
void agent_hand_out_prepare(struct agent *agent, const struct sandbox_id *id);
void agent_hand_out(struct agent *agent, const struct sandbox_id *id);

/*
 * For a sandbox without a command whose hand-out the last agent did not finish, once its init is linked:
 * gives the environment again, which the init takes once, and sets what is not set again otherwise. False: it
 * cannot be. The answer of the init comes to the waiter.
 */
bool agent_hand_out_again(struct runtime *runtime);

#endif
