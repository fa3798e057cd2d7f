/*
 * What a running sandbox is held to by writing its cgroups: limits that change under a runtime that cannot
 * (runsc has no update), and one that no runtime sets.
 */
#ifndef CORRAL_AGENT_CGROUP_CGROUP_LIMIT_H
#define CORRAL_AGENT_CGROUP_CGROUP_LIMIT_H

#include "agent/cgroup/cgroup_path.h"
#include "common/model/sandbox_spec.h"

/*
 * Memory without swap, the CPU quota in the period that is set, and the CPU shares. ERR_CONFLICT where the
 * kernel refuses, as it does a memory limit below what cannot be reclaimed; what came before it is set then.
 * The kernel may take memory back before it takes a lower limit: on a thread that may wait.
 */
int cgroup_limit(const struct cgroup_paths *paths, const struct sandbox_limits *limits,
                 struct err *e) MUST_CHECK;

/*
 * What the buffers of its sockets may hold. Version 2 counts them as its memory; version 1 counts them
 * nowhere until they have a limit of their own (memory.kmem.tcp, which UDP's are charged to as well), and
 * then only those of sockets that are made from then on: before its command begins. A quarter of its memory,
 * 2 MiB at least. ERR_CONFLICT where the kernel has no such limit. Waits for nothing.
 */
int cgroup_limit_sockets(const struct cgroup_paths *paths, uint64_t memory_bytes, struct err *e) MUST_CHECK;

#endif
