/*
 * One sandbox's cgroups: reads its use from the kernel's files through descriptors that stay open. A read
 * takes microseconds: none of these files takes a lock that all cgroups share.
 */
#ifndef CORRAL_AGENT_CGROUP_CGROUP_SANDBOX_H
#define CORRAL_AGENT_CGROUP_CGROUP_SANDBOX_H

#include "agent/cgroup/cgroup_path.h"
#include "common/base/err.h"
#include "common/model/node_wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup_sandbox;

/*
 * Opens the files in paths (copied), and the network counters of the process pid, which is one of the
 * container's; 0: no network counters. root: of the system, "" for the running one (cgroup_path.h).
 * ERR_NOT_FOUND: its memory cgroup is gone. *out is the caller's.
 */
int cgroup_sandbox_open(struct cgroup_sandbox **out, const struct cgroup_paths *paths, const char *root,
                        pid_t pid, struct err *e) MUST_CHECK;
void cgroup_sandbox_close(struct cgroup_sandbox *sandbox);

/* Where its cgroups are. Borrowed. */
const struct cgroup_paths *cgroup_sandbox_paths(const struct cgroup_sandbox *sandbox);

/*
 * Fills memory, CPU, pids, network, block I/O and pressure of *out and leaves the rest. Percentages and rates
 * are since the previous sample, 0 in the first. The CPU percentage is of its limit (of one processor without
 * a limit), of the larger limit if it changed in between. now: CLOCK_BOOTTIME in ms. A counter that went
 * backwards belongs to a new cgroup: the sample counts as the first. A missing file counts as 0; if it is the
 * file of memory use, ERR_NOT_FOUND: the sandbox ended.
 */
int cgroup_sandbox_sample(struct cgroup_sandbox *sandbox, uint64_t now, const struct sandbox_limits *limits,
                          struct sample *out, struct err *e) MUST_CHECK;

/* The peak of its memory counts from now on, where the kernel allows that. */
void cgroup_sandbox_forget_peak(struct cgroup_sandbox *sandbox);

/* How many processes the kernel's OOM killed in it. */
uint64_t cgroup_sandbox_oom_kills(struct cgroup_sandbox *sandbox);

#endif
