/* The processes of a sandbox, as its cgroups tell of them. */
#ifndef CORRAL_AGENT_SANDBOX_PROCESSES_H
#define CORRAL_AGENT_SANDBOX_PROCESSES_H

#include "agent/docker/docker.h"
#include "agent/sandbox/runtime.h"

/*
 * Whether its cgroup is there, by the record alone: after a restart Docker may not answer, or not know it by
 * its name, but the record names the container.
 */
bool agent_has_cgroup(const struct runtime *runtime);

/* Whether a process of it is left, as its cgroup says. */
bool agent_has_processes(const struct runtime *runtime);

/* Where its cgroups are, as Docker says that it runs. ERR_NOT_FOUND: it has none of its own. */
int agent_find_paths(const struct runtime *runtime, const struct docker_state *state,
                     struct cgroup_paths *out, struct err *e) MUST_CHECK;

#endif
