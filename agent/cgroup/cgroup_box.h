/*
 * One sandbox's cgroups: its use, read from the kernel's own files through descriptors that stay open, and
 * the ways to stop its processes that need no Docker. Blocking only as reading a kernel file is
 * (microseconds).
 */
#ifndef CORRAL_AGENT_CGROUP_BOX_H
#define CORRAL_AGENT_CGROUP_BOX_H

#include "agent/cgroup/cgroup_path.h"
#include "common/err.h"
#include "common/node_wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup_box;

/*
 * Opens the files of the cgroups of this process (its process 1, as the host sees it). root: of the system,
 * "" for the running one (cgroup_path.h). Owned by the caller.
 */
int cgroup_box_open(struct cgroup_box **out, const char *root, pid_t pid, struct err *e) MUST_CHECK;
void cgroup_box_close(struct cgroup_box *box);

/* Where its cgroups are. Borrowed. */
const struct cgroup_paths *cgroup_box_paths(const struct cgroup_box *box);

/*
 * Fills memory, CPU, pids, network, block I/O and pressure of *out, the rest it leaves. Percentages and rates
 * are since the sample before; of the first they are 0. The CPU percentage is of its limit (of one
 * processor where it has none), over a change of the limit of the larger one. now: CLOCK_BOOTTIME in ms. A
 * counter that runs backwards is a new cgroup: its sample counts as the first. A file that is not there
 * counts as 0; ERR_NOT_FOUND where that is its memory's use: the sandbox ended.
 */
int cgroup_box_sample(struct cgroup_box *box, uint64_t now, const struct sandbox_limits *limits,
                      struct sample *out, struct err *e) MUST_CHECK;

/* Kills every process in it, frozen ones too. Returns whether none is left; else call again. */
bool cgroup_box_kill(struct cgroup_box *box);

/* How many times the kernel's OOM killed in it. */
uint64_t cgroup_box_oom_kills(struct cgroup_box *box);

#endif
