/* Attaches to a sandbox: listens for its init, opens its container's cgroup, watches its memory. */
#ifndef CORRAL_AGENT_SANDBOX_ATTACH_H
#define CORRAL_AGENT_SANDBOX_ATTACH_H

#include "agent/docker/docker.h"
#include "agent/sandbox/runtime.h"

/* Listens for its init to connect. */
int agent_runtime_listen(struct runtime *runtime, struct err *e) MUST_CHECK;

/* Opens its cgroup, found by Docker's state of it, and admits its init. ERR_NOT_FOUND: it has no cgroup of
 * its own. */
int agent_runtime_attach(struct runtime *runtime, const struct docker_state *state, struct err *e) MUST_CHECK;

#endif
