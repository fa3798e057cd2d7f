/*
 * Changes what a running sandbox is held to by writing its cgroups, for runtimes that cannot (runsc has no
 * update). The kernel may take memory back before it takes a lower limit: on a thread that may wait.
 */
#ifndef CORRAL_AGENT_CGROUP_CGROUP_LIMIT_H
#define CORRAL_AGENT_CGROUP_CGROUP_LIMIT_H

#include "agent/cgroup/cgroup_path.h"
#include "common/sandbox_spec.h"

/*
 * Memory without swap, the CPU quota in the period that is set, and the CPU shares. ERR_CONFLICT where the
 * kernel refuses, as it does a memory limit below what cannot be reclaimed; what came before it is set then.
 */
int cgroup_limit(const struct cgroup_paths *paths, const struct sandbox_limits *limits,
                 struct err *e) MUST_CHECK;

#endif
