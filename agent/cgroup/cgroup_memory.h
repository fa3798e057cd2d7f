/*
 * The memory of one sandbox, as the alarm needs it: files that are read in microseconds, the kernel's own
 * notices, and a way to freeze the sandbox. On v1 the notices are thresholds (cgroup.event_control) and a
 * freezer holds it: the unified one beside v1 controllers, if there is one, since Docker pauses through the
 * v1 freezer. On v2 memory.high slows the sandbox down above its critical level, so no freezer is needed, and
 * memory.events gives the notices. Any thread, one at a time. Only cgroup_asking_do waits for the kernel.
 */
#ifndef CORRAL_AGENT_CGROUP_CGROUP_MEMORY_H
#define CORRAL_AGENT_CGROUP_CGROUP_MEMORY_H

#include "agent/cgroup/cgroup_hold.h"
#include "agent/cgroup/cgroup_path.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes of use: sampled by timer from near on; warning and critical ring. */
struct cgroup_levels {
    uint64_t near, warning, critical, limit;
};

struct cgroup_memory {
    struct cgroup_paths paths;
    struct cgroup_levels levels;
    int usage_fd, stat_fd;
    struct cgroup_hold *freezer; /* NULL: there is none */
    int kernel_fd, pids_fd;      /* v1, where memory.stat does not show the kernel's memory */
    int notice_fd; /* v1: an eventfd; v2: memory.events, which shows EPOLLPRI. -1 where there is none */
    int oom_fd;    /* counts the processes that the kernel's OOM killed */
    bool held;     /* freezing was requested; the freezer may follow later */
};

/*
 * Opens the files. Borrows holds. ERR_NOT_FOUND: the cgroup is gone. cgroup_memory_close frees what m holds.
 */
int cgroup_memory_open(struct cgroup_memory *m, const struct cgroup_paths *paths,
                       const struct cgroup_levels *levels, struct cgroup_holds *holds,
                       struct err *e) MUST_CHECK;
void cgroup_memory_close(struct cgroup_memory *m);

/*
 * What the kernel is to be asked for after open and level. v1: notices at these levels, each of which costs a
 * grace period of the kernel's RCU, some 15 ms. v2: memory.high, for which the kernel may first reclaim what
 * lies above it. So carry it out on a thread that may wait. cgroup_memory_asking returns false where there is
 * nothing to ask. cgroup_asking_close frees what it holds, also after cgroup_memory_close.
 */
struct cgroup_asking {
    int control_fd, usage_fd, notice_fd;
    uint64_t at[3]; /* bytes */
    uint64_t high;  /* v2: bytes to write to control_fd, the only request; 0 on v1 */
};
bool cgroup_memory_asking(const struct cgroup_memory *m, struct cgroup_asking *out) MUST_CHECK;
void cgroup_asking_do(const struct cgroup_asking *asking);
void cgroup_asking_close(struct cgroup_asking *asking);

/* Sets other levels, after its limit was changed. */
void cgroup_memory_level(struct cgroup_memory *m, const struct cgroup_levels *levels);

/* Reads the notices that arrived. */
void cgroup_memory_noticed(struct cgroup_memory *m);

/* Bytes in use; false if the cgroup is gone. */
bool cgroup_memory_usage(const struct cgroup_memory *m, uint64_t *usage);

/* How many processes the kernel's OOM killed in it. */
uint64_t cgroup_memory_oom_kills(const struct cgroup_memory *m);

/* How many of these bytes of use the kernel cannot reclaim. */
uint64_t cgroup_memory_unreclaimable(const struct cgroup_memory *m, uint64_t usage);

/* Freezes its processes, or thaws them. */
void cgroup_memory_hold(struct cgroup_memory *m);
void cgroup_memory_release(struct cgroup_memory *m);

#endif
