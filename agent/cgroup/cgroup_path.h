/*
 * Finds a process' cgroups: v1, v2, and the hybrid of both. Reads /proc, of the running system or of a
 * recorded one.
 */
#ifndef CORRAL_AGENT_CGROUP_CGROUP_PATH_H
#define CORRAL_AGENT_CGROUP_CGROUP_PATH_H

#include "common/base/err.h"

#include <stdbool.h>
#include <sys/types.h>

#define CGROUP_PATH_MAX 512

enum cgroup_controller {
    CGROUP_MEMORY,
    CGROUP_CPU,
    CGROUP_CPUACCT,
    CGROUP_PIDS,
    CGROUP_FREEZER,
    CGROUP_BLKIO,
    CGROUP_COUNT
};

/* Folders, "" if there is none. On v2 every controller's folder is the unified one. */
struct cgroup_paths {
    char folder[CGROUP_COUNT][CGROUP_PATH_MAX];
    char unified[CGROUP_PATH_MAX]; /* with PSI and cgroup.kill; also beside v1 controllers (hybrid) */
    bool v2;                       /* the controllers are in the unified hierarchy */
};

/*
 * Finds the cgroups of a process from the text of its /proc/PID/cgroup and of a mountinfo. Pure.
 * ERR_NOT_FOUND if no mount shows its memory cgroup.
 */
int cgroup_paths_parse(const char *proc_cgroup, const char *mountinfo, struct cgroup_paths *out,
                       struct err *e) MUST_CHECK;

/*
 * The same for a process of a system; check with cgroup_paths_carry that the pid was not reused. root: "" for
 * the running system, or the folder of a recorded one (its proc and its mounts). ERR_NOT_FOUND also if the
 * process is gone.
 */
int cgroup_paths_of(const char *root, pid_t pid, struct cgroup_paths *out, struct err *e) MUST_CHECK;

/* Whether these cgroups are this container's, by their names. */
bool cgroup_paths_carry(const struct cgroup_paths *paths, const char *container_id);

/* Where the hierarchies are mounted, as in cgroup_paths; constant while a system runs. */
struct cgroup_mounts {
    struct cgroup_paths at;
};

/* root as above. ERR_NOT_FOUND if no memory hierarchy is mounted. */
int cgroup_mounts_read(const char *root, struct cgroup_mounts *out, struct err *e) MUST_CHECK;

/*
 * The cgroups of a container by its id and the cgroup parent given to Docker (NULL or "": Docker's own
 * choice), for the cgroupfs and systemd drivers. Needs no process of the container and no lock that all
 * cgroups share: before Linux 6.8, reading /proc/PID/cgroup takes that lock. Looks at a few folders.
 * ERR_NOT_FOUND if there is none.
 */
int cgroup_paths_of_container(const struct cgroup_mounts *mounts, const char *parent,
                              const char *container_id, struct cgroup_paths *out, struct err *e) MUST_CHECK;

#endif
