/* Takes hold of a sandbox: listens for its init, opens the cgroup of its container, watches its memory. */
#ifndef CORRAL_AGENT_SANDBOX_ATTACH_H
#define CORRAL_AGENT_SANDBOX_ATTACH_H

#include "agent/docker/docker.h"
#include "agent/sandbox/runtime.h"

/* Listens for its init. */
int agent_runtime_listen(struct runtime *runtime, struct err *e) MUST_CHECK;

/* Opens its cgroup as Docker says that it runs, and lets its init in. ERR_NOT_FOUND: there is none of its
 * own. */
int agent_runtime_attach(struct runtime *runtime, const struct docker_state *state, struct err *e) MUST_CHECK;

#endif
