#include "agent/cgroup/cgroup_limit.h"

#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUOTA_LEAST  1000 /* us: the least that the kernel accepts */
#define PERIOD_USUAL 100000

#define SOCKETS_SHARE 4
#define SOCKETS_LEAST (2u << 20)

static int open_in(const char *folder, const char *name, int flags)
{
    char path[CGROUP_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return folder[0] ? open(path, flags | O_CLOEXEC) : -1;
}

static int put(const char *folder, const char *name, const char *text, struct err *e)
{
    int fd = open_in(folder, name, O_WRONLY);
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
    int why = errno;
    if (fd >= 0)
        close(fd);
    return n > 0 ? 0 : err_set(e, ERR_CONFLICT, "%s is not set to %s: %s", name, text, strerror(why));
}

static int put_number(const char *folder, const char *name, uint64_t number, struct err *e)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, number);
    return put(folder, name, text, e);
}

/* The CPU period in force: its own file on v1, after the quota on v2. */
static uint64_t period_of(const struct cgroup_paths *p)
{
    char text[64] = "";
    unsigned long period = 0;
    int fd = open_in(p->folder[CGROUP_CPU], p->v2 ? "cpu.max" : "cpu.cfs_period_us", O_RDONLY);
    if (fd >= 0 && read(fd, text, sizeof text - 1) > 0)
        (void)!sscanf(text, p->v2 ? "%*s %lu" : "%lu", &period);
    if (fd >= 0)
        close(fd);
    return period ? period : PERIOD_USUAL;
}

/* memory+swap must never be below memory: it is written first when raising, last when lowering. */
static int limit_v1(const struct cgroup_paths *p, const struct sandbox_limits *l, uint64_t quota,
                    struct err *e)
{
    static const char limit[] = "memory.limit_in_bytes", with_swap[] = "memory.memsw.limit_in_bytes";
    const char *memory = p->folder[CGROUP_MEMORY];
    int probe = open_in(memory, with_swap, O_RDONLY);
    bool has_swap = probe >= 0;
    if (has_swap)
        close(probe);
    if (has_swap)
        (void)!put_number(memory, with_swap, l->memory_bytes, e);
    int rc = put_number(memory, limit, l->memory_bytes, e);
    if (!rc && has_swap)
        rc = put_number(memory, with_swap, l->memory_bytes, e);
    if (!rc)
        rc = put_number(p->folder[CGROUP_CPU], "cpu.cfs_quota_us", quota, e);
    return rc ? rc : put_number(p->folder[CGROUP_CPU], "cpu.shares", l->cpu_shares, e);
}

/* cpu.weight is computed from v1's shares as runc does: 2..262144 becomes 1..10000. */
static int limit_v2(const struct cgroup_paths *p, const struct sandbox_limits *l, uint64_t quota,
                    uint64_t period, struct err *e)
{
    const char *folder = p->unified;
    char text[64];
    snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64, quota, period);
    int rc = put_number(folder, "memory.max", l->memory_bytes, e);
    if (!rc)
        rc = put(folder, "cpu.max", text, e);
    return rc ? rc : put_number(folder, "cpu.weight", 1 + (l->cpu_shares - 2) * 9999 / 262142, e);
}

int cgroup_limit(const struct cgroup_paths *paths, const struct sandbox_limits *limits, struct err *e)
{
    uint64_t period = period_of(paths), quota = limits->cpu_millis * period / 1000;
    if (quota < QUOTA_LEAST)
        quota = QUOTA_LEAST;
    return paths->v2 ? limit_v2(paths, limits, quota, period, e) : limit_v1(paths, limits, quota, e);
}

int cgroup_limit_pids(const struct cgroup_paths *paths, uint64_t pids, struct err *e)
{
    const char *folder = paths->folder[CGROUP_PIDS];
    return pids ? put_number(folder, "pids.max", pids, e) : put(folder, "pids.max", "max", e);
}

int cgroup_limit_sockets(const struct cgroup_paths *paths, uint64_t memory_bytes, struct err *e)
{
    uint64_t most = memory_bytes / SOCKETS_SHARE;
    if (paths->v2)
        return 0;
    return put_number(paths->folder[CGROUP_MEMORY], "memory.kmem.tcp.limit_in_bytes",
                      most < SOCKETS_LEAST ? SOCKETS_LEAST : most, e);
}
