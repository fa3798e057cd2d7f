/*
 * What a sandbox may take of pools that the kernel counts for all: inotify's instances and watches. They are
 * charged to a user in each user namespace up to the first, so that every sandbox of a remapped Docker takes
 * from what root has (fs.inotify.max_user_instances). Each namespace has limits of its own for that
 * (namespaces(7), /proc/sys/user), which only who is privileged in it may write.
 */
#ifndef CORRAL_AGENT_CGROUP_UCOUNT_H
#define CORRAL_AGENT_CGROUP_UCOUNT_H

#include "common/base/err.h"

#include <stdint.h>
#include <sys/types.h>

struct ucount_limits {
    uint64_t inotify_instances, inotify_watches;
};

/* An eighth of what this host has for all, within what programs need and what one can make use of. */
struct ucount_limits ucount_share(uint64_t host_instances, uint64_t host_watches);

/* The host's own two figures, from this root; 0 what cannot be read. */
struct ucount_limits ucount_of_host(const char *root);

/*
 * Writes them in the user namespace of this process. A process for it is forked and waited for: on a thread
 * that may wait. 0 also where that namespace is the caller's own (a Docker that remaps nothing), and nothing
 * is written. ERR_NOT_FOUND: the process is gone. ERR_IO: the kernel does not take it.
 */
int ucount_limit(pid_t pid, const struct ucount_limits *limits, struct err *e) MUST_CHECK;

#endif
