/*
 * Limits a sandbox's share of pools that the kernel counts for the whole machine: inotify's instances and
 * watches. They are charged to a user in each user namespace up to the first, so that every sandbox of a
 * remapped Docker takes from root's share (fs.inotify.max_user_instances). Each namespace has its own limits
 * for them (namespaces(7), /proc/sys/user), which only a process that is privileged in it may write.
 */
#ifndef CORRAL_AGENT_CGROUP_UCOUNT_H
#define CORRAL_AGENT_CGROUP_UCOUNT_H

#include "common/base/err.h"

#include <stdint.h>
#include <sys/types.h>

struct ucount_limits {
    uint64_t inotify_instances, inotify_watches;
};

/* An eighth of the host's figures, but at least what programs need and at most what one can use. */
struct ucount_limits ucount_share(uint64_t host_instances, uint64_t host_watches);

/* The host's own two figures, read below root; 0 for one that cannot be read. */
struct ucount_limits ucount_of_host(const char *root);

/*
 * Writes the limits in the user namespace of this process. Forks a process and waits for it: call it on a
 * thread that may wait. 0 also if that namespace is the caller's own (a Docker that remaps nothing); then
 * nothing is written. ERR_NOT_FOUND: the process is gone. ERR_IO: the kernel refuses.
 */
int ucount_limit(pid_t pid, const struct ucount_limits *limits, struct err *e) MUST_CHECK;

#endif
