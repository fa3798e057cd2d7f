/*
 * Ways to end the processes of a sandbox's cgroups without Docker. Any thread. The cgroup's path contains the
 * container's id, so it cannot be another sandbox's; if it is gone, there is nothing to kill.
 */
#ifndef CORRAL_AGENT_CGROUP_CGROUP_KILL_H
#define CORRAL_AGENT_CGROUP_CGROUP_KILL_H

#include "agent/cgroup/cgroup_path.h"

enum cgroup_left {
    CGROUP_LEFT_NONE,  /* no process is in it */
    CGROUP_LEFT_SOME,  /* there were some, and they were sent SIGKILL: check again */
    CGROUP_LEFT_FROZEN /* likewise, frozen on version 1, so they cannot die: cgroup_kill_by_force */
};

/*
 * Sends SIGKILL to each process of it. Once process 1 of a PID namespace is killed, the kernel allows no fork
 * in it, so one round is usually enough, also against a fork bomb. Lifts the CPU quota, so that the processes
 * can die quickly. Takes no lock that other cgroups share (measured beside 120 fork bombs, where a write to
 * cgroup.kill or cgroup.freeze waits for up to 9 s).
 */
enum cgroup_left cgroup_kill_each(const struct cgroup_paths *paths);

/*
 * For processes that survive cgroup_kill_each: uses cgroup.kill, or signals each process while a freezer
 * keeps them from forking; thaws afterwards, because frozen processes die only then (version 1). Waits for a
 * lock that all cgroups share, sometimes for seconds.
 */
void cgroup_kill_by_force(const struct cgroup_paths *paths);

/* Whether this process is the only one in it, and nothing has frozen it. */
bool cgroup_is_alone(const struct cgroup_paths *paths, pid_t pid);

/* Whether a process is in it, not counting zombies. */
bool cgroup_populated(const struct cgroup_paths *paths);

#endif
