/*
 * The memory of one sandbox as its alarm needs it: a few files that are read in microseconds, the kernel's
 * own notices, and a way to hold the sandbox still. On v1 the notices are thresholds (cgroup.event_control)
 * and the hold is a freezer: the unified one beside v1 controllers where there is one, since Docker pauses
 * through the other. On v2 memory.high slows the sandbox down above its critical level, so that it needs no
 * freezer, and memory.events gives the notices. Any thread; no two at once. None of it waits for the kernel,
 * but for cgroup_asking_do.
 */
#ifndef CORRAL_AGENT_CGROUP_MEMORY_H
#define CORRAL_AGENT_CGROUP_MEMORY_H

#include "agent/cgroup/cgroup_hold.h"
#include "agent/cgroup/cgroup_path.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes of use from which it is looked at, and held at once. */
struct cgroup_levels {
    uint64_t near, warning, critical, limit;
};

struct cgroup_memory {
    struct cgroup_paths paths;
    struct cgroup_levels levels;
    int usage_fd, stat_fd;
    struct cgroup_hold *freezer; /* NULL: there is none */
    int kernel_fd, pids_fd;      /* v1, where memory.stat does not tell of the kernel's memory */
    int notice_fd; /* v1: an eventfd; v2: memory.events, which shows EPOLLPRI. -1 where there is none */
    int oom_fd;    /* counts what the kernel's OOM killed */
    bool held;     /* as far as this side goes: the freezer follows */
};

/* Opens them. Borrows holds. ERR_NOT_FOUND: the cgroup is gone. What it holds goes by cgroup_memory_close. */
int cgroup_memory_open(struct cgroup_memory *m, const struct cgroup_paths *paths,
                       const struct cgroup_levels *levels, struct cgroup_holds *holds,
                       struct err *e) MUST_CHECK;
void cgroup_memory_close(struct cgroup_memory *m);

/*
 * What the kernel is to be asked for after open and level: notices at these levels on v1, where each costs a
 * grace period of the kernel's RCU, some 15 ms; on v2 memory.high, for which the kernel may first take back
 * what lies above it. So on a thread that may wait. False where there is nothing to ask. What out holds goes
 * by cgroup_asking_close, also after cgroup_memory_close.
 */
struct cgroup_asking {
    int control_fd, usage_fd, notice_fd;
    uint64_t at[3]; /* bytes */
    uint64_t high;  /* v2: bytes for control_fd, and nothing else; 0 on v1 */
};
bool cgroup_memory_asking(const struct cgroup_memory *m, struct cgroup_asking *out) MUST_CHECK;
void cgroup_asking_do(const struct cgroup_asking *asking);
void cgroup_asking_close(struct cgroup_asking *asking);

/* Other levels from now on, after its limit was changed. */
void cgroup_memory_level(struct cgroup_memory *m, const struct cgroup_levels *levels);

/* Takes the notices that came. */
void cgroup_memory_noticed(struct cgroup_memory *m);

/* Bytes in use; false where the cgroup is gone. */
bool cgroup_memory_usage(const struct cgroup_memory *m, uint64_t *usage);

/* How many times the kernel's OOM killed in it. */
uint64_t cgroup_memory_oom_kills(const struct cgroup_memory *m);

/* Of these bytes of use what the kernel cannot take back. */
uint64_t cgroup_memory_unreclaimable(const struct cgroup_memory *m, uint64_t usage);

/* Holds its processes still, or lets them go. */
void cgroup_memory_hold(struct cgroup_memory *m);
void cgroup_memory_release(struct cgroup_memory *m);

#endif
