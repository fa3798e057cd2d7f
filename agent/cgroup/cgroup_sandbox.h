/*
 * One sandbox's cgroups: its use, read from the kernel's own files through descriptors that stay open.
 * Blocking only as reading such a file is (microseconds: none of these takes a lock that all cgroups share).
 */
#ifndef CORRAL_AGENT_CGROUP_SANDBOX_H
#define CORRAL_AGENT_CGROUP_SANDBOX_H

#include "agent/cgroup/cgroup_path.h"
#include "common/base/err.h"
#include "common/model/node_wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup_sandbox;

/*
 * Opens the files in paths (copied), and the network counters of this process, which is one of the
 * container's; 0: of none. root: of the system, "" for the running one (cgroup_path.h). ERR_NOT_FOUND: its
 * memory cgroup is gone. Owned by the caller.
 */
int cgroup_sandbox_open(struct cgroup_sandbox **out, const struct cgroup_paths *paths, const char *root,
                        pid_t pid, struct err *e) MUST_CHECK;
void cgroup_sandbox_close(struct cgroup_sandbox *sandbox);

/* Where its cgroups are. Borrowed. */
const struct cgroup_paths *cgroup_sandbox_paths(const struct cgroup_sandbox *sandbox);

/*
 * Fills memory, CPU, pids, network, block I/O and pressure of *out, the rest it leaves. Percentages and rates
 * are since the sample before; of the first they are 0. The CPU percentage is of its limit (of one
 * processor where it has none), over a change of the limit of the larger one. now: CLOCK_BOOTTIME in ms. A
 * counter that runs backwards is a new cgroup: its sample counts as the first. A file that is not there
 * counts as 0; ERR_NOT_FOUND where that is its memory's use: the sandbox ended.
 */
int cgroup_sandbox_sample(struct cgroup_sandbox *sandbox, uint64_t now, const struct sandbox_limits *limits,
                          struct sample *out, struct err *e) MUST_CHECK;

/* How many times the kernel's OOM killed in it. */
uint64_t cgroup_sandbox_oom_kills(struct cgroup_sandbox *sandbox);

#endif
