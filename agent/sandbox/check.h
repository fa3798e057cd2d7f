/* Asks Docker how a container is, until it is told: what becomes of it is put into the core. */
#ifndef CORRAL_AGENT_SANDBOX_CHECK_H
#define CORRAL_AGENT_SANDBOX_CHECK_H

#include "agent/core/ending.h"
#include "agent/sandbox/runtime.h"

void agent_check(struct runtime *runtime);
void agent_check_soon(struct runtime *runtime); /* the same in a moment, however often that is said */
void agent_check_gap(struct runtime *runtime);  /* after Docker was away: what is found happened meanwhile */
void agent_check_dead(struct runtime *runtime, int exit_code); /* Docker told of its end, with this code */
void agent_seen_empty(struct runtime *runtime);                /* its cgroup has no process any more */

bool agent_oom(const struct runtime *runtime); /* whether the kernel's OOM killer came to it */
struct sandbox_exit agent_ending_oom(const struct runtime *runtime, bool has_code, int code);

#endif
