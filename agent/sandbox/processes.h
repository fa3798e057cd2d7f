/* The processes of a sandbox, as its cgroups show them. */
#ifndef CORRAL_AGENT_SANDBOX_PROCESSES_H
#define CORRAL_AGENT_SANDBOX_PROCESSES_H

#include "agent/docker/docker.h"
#include "agent/sandbox/runtime.h"

/*
 * Whether its cgroup exists, by its record alone: after a restart Docker may not answer, or not know the
 * sandbox's name, but the record has the container's id.
 */
bool agent_has_cgroup(const struct runtime *runtime);

/* Whether its cgroup has a process. */
bool agent_has_processes(const struct runtime *runtime);

/* Finds its cgroups by Docker's state of it. ERR_NOT_FOUND: it has no cgroup of its own. */
int agent_find_paths(const struct runtime *runtime, const struct docker_state *state,
                     struct cgroup_paths *out, struct err *e) MUST_CHECK;

#endif
