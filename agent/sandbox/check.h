/* Asks Docker how a container is, until it is told: what becomes of it is put into the core. */
#ifndef CORRAL_AGENT_SANDBOX_CHECK_H
#define CORRAL_AGENT_SANDBOX_CHECK_H

#include "agent/core/ending.h"
#include "agent/sandbox/runtime.h"

void agent_check(struct holder *holder);
void agent_check_soon(struct holder *holder); /* the same in a moment, however often that is said */
void agent_check_gap(struct holder *holder);  /* after Docker was away: what is found happened meanwhile */
void agent_check_dead(struct holder *holder, int exit_code); /* Docker told of its end, with this code */
void agent_seen_empty(struct holder *holder);                /* its cgroup has no process any more */

bool agent_oom(const struct holder *holder); /* whether the kernel's OOM killer came to it */
struct sandbox_exit agent_ending_oom(const struct holder *holder, bool has_code, int code);

#endif
