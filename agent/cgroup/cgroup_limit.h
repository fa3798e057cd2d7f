/*
 * Limits of a running sandbox that are set by writing its cgroups: changed limits where the runtime cannot
 * change them (runsc has no update), and the limit of socket buffers, which no runtime sets.
 */
#ifndef CORRAL_AGENT_CGROUP_CGROUP_LIMIT_H
#define CORRAL_AGENT_CGROUP_CGROUP_LIMIT_H

#include "agent/cgroup/cgroup_path.h"
#include "common/model/sandbox_spec.h"

/*
 * Sets memory without swap, the CPU quota for the period in force, and the CPU shares. ERR_CONFLICT where the
 * kernel refuses one, as it does a memory limit below the unreclaimable use; the limits before that one are
 * then set. The kernel may reclaim memory first, so call it on a thread that may wait.
 */
int cgroup_limit(const struct cgroup_paths *paths, const struct sandbox_limits *limits,
                 struct err *e) MUST_CHECK;

/* Sets the number of processes; 0: no limit. ERR_CONFLICT as above. Does not block. */
int cgroup_limit_pids(const struct cgroup_paths *paths, uint64_t pids, struct err *e) MUST_CHECK;

/*
 * Limits what the buffers of its sockets may hold, to a quarter of its memory, at least 2 MiB. Version 2
 * counts them as the sandbox's memory. Version 1 counts them only once they have a limit of their own
 * (memory.kmem.tcp, which also covers UDP), and only for sockets made after that: call it before the command
 * begins. ERR_CONFLICT where the kernel has no such limit. Does not block.
 */
int cgroup_limit_sockets(const struct cgroup_paths *paths, uint64_t memory_bytes, struct err *e) MUST_CHECK;

#endif
