/*
 * Cgroups under the agent's parent that no process is in: a container that ended badly leaves them. Names of
 * containers only; what else is there is left alone. Reads a few folders: for a sweep.
 */
#ifndef CORRAL_AGENT_CGROUP_LEFTOVER_H
#define CORRAL_AGENT_CGROUP_LEFTOVER_H

#include "agent/core/stray.h"

/* The ids of containers that have a cgroup there, each once, and no process in it. The caller frees *ids. */
size_t cgroup_leftovers(const char *parent, char (**ids)[CONTAINER_ID_LEN + 1]);

/* Removes this container's cgroups; false where one stays, since a process came into it. */
bool cgroup_leftover_remove(const char *parent, const char *id);

#endif
