/* Asks Docker for the state of a container until it answers, and puts the result into the core. */
#ifndef CORRAL_AGENT_SANDBOX_CHECK_H
#define CORRAL_AGENT_SANDBOX_CHECK_H

#include "agent/core/ending.h"
#include "agent/sandbox/runtime.h"

void agent_check(struct runtime *runtime);
void agent_check_soon(
    struct runtime *runtime); /* the same after a short delay; several calls cause one check */
void agent_check_gap(
    struct runtime *runtime); /* after Docker was away: changes that are found happened meanwhile */
void agent_check_dead(struct runtime *runtime, int exit_code); /* Docker reported its death with this code */
void agent_seen_empty(struct runtime *runtime);                /* its cgroup has no process left */

bool agent_oom(const struct runtime *runtime); /* whether the kernel's OOM killer killed in it */
struct sandbox_exit agent_ending_oom(const struct runtime *runtime, bool has_code, int code);

#endif
