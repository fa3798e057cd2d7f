/*
 * Cgroups of containers under the agent's parent without any process, as a container that ended badly leaves
 * them. Other names there are ignored. Reads a few folders: for a cleanup.
 */
#ifndef CORRAL_AGENT_CGROUP_CGROUP_ORPHAN_H
#define CORRAL_AGENT_CGROUP_CGROUP_ORPHAN_H

#include "agent/core/orphan.h"

/* The ids of containers that have a cgroup there without any process, each once. The caller frees *ids. */
size_t cgroup_orphans(const char *parent, char (**ids)[CONTAINER_ID_LEN + 1]);

/* Removes this container's cgroups; false if one stays, because a process entered it. */
bool cgroup_orphan_remove(const char *parent, const char *id);

#endif
