/*
 * The ways to end what is in a sandbox's cgroups that need no Docker. Any thread. Each names the cgroup by
 * its path, in which the container's id stands, so that it is nobody else's; where it is gone, there is
 * nothing to kill.
 */
#ifndef CORRAL_AGENT_CGROUP_CGROUP_KILL_H
#define CORRAL_AGENT_CGROUP_CGROUP_KILL_H

#include "agent/cgroup/cgroup_path.h"

enum cgroup_left {
    CGROUP_LEFT_NONE,  /* no process is in it */
    CGROUP_LEFT_SOME,  /* some were, and were sent SIGKILL: look again */
    CGROUP_LEFT_FROZEN /* likewise, and a freezer of version 1 keeps them from dying: cgroup_kill_by_force */
};

/*
 * SIGKILL to each process of it. With process 1 among them the kernel lets nothing be forked in their PID
 * namespace any more, so that one round is most often enough, also for a fork bomb. What is left of it gets
 * all the processor that it can take, to die. Waits for nothing that other cgroups hold (measured beside 120
 * fork bombs, where a write to cgroup.kill or cgroup.freeze waits for up to 9 s).
 */
enum cgroup_left cgroup_kill_each(const struct cgroup_paths *paths);

/*
 * For what outlives that: cgroup.kill, or each process while a freezer keeps them from forking; thawed after,
 * for what is frozen dies only then (version 1). Waits for a lock that all cgroups share, so for seconds at
 * times.
 */
void cgroup_kill_by_force(const struct cgroup_paths *paths);

/* Whether a process is in it; zombies are not counted. */
bool cgroup_populated(const struct cgroup_paths *paths);

#endif
