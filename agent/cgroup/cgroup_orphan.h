/*
 * Cgroups under the agent's parent that no process is in: a container that ended badly leaves them. Names of
 * containers only; what else is there is left alone. Reads a few folders: for a cleanup.
 */
#ifndef CORRAL_AGENT_CGROUP_ORPHAN_H
#define CORRAL_AGENT_CGROUP_ORPHAN_H

#include "agent/core/orphan.h"

/* The ids of containers that have a cgroup there, each once, and no process in it. The caller frees *ids. */
size_t cgroup_orphans(const char *parent, char (**ids)[CONTAINER_ID_LEN + 1]);

/* Removes this container's cgroups; false where one stays, since a process came into it. */
bool cgroup_orphan_remove(const char *parent, const char *id);

#endif
