#include "agent/cgroup/cgroup_memory.h"

#include "agent/cgroup/cgroup_parse.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FILE_MAX 8192

static int open_in(const char *folder, const char *name, int flags)
{
    char path[CGROUP_PATH_MAX + 64];
    if (!folder[0])
        return -1;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return open(path, flags | O_CLOEXEC);
}

static void drop(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void write_text(int fd, const char *text)
{
    if (fd >= 0 && pwrite(fd, text, strlen(text), 0) < 0)
        return; /* the cgroup is gone, and nothing is left to limit */
}

/* One eventfd for all thresholds: the use that is read afterwards tells which one was crossed. See
 * Documentation/admin-guide/cgroup-v1/memory.rst. */
static int ask_v1(const struct cgroup_memory *m)
{
    int control = open_in(m->paths.folder[CGROUP_MEMORY], "cgroup.event_control", O_WRONLY);
    int fd = control < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    char text[64];
    snprintf(text, sizeof text, "%d %d", fd, m->oom_fd);
    if (fd >= 0)
        write_text(control, text);
    if (control >= 0)
        close(control);
    return fd;
}

/* memory.high lies a little above the critical level: at that level itself, the sandbox would be slowed down
 * before it reaches the level. */
static uint64_t high_of(const struct cgroup_levels *l)
{
    return l->critical + (l->limit - l->critical) / 3;
}

bool cgroup_memory_asking(const struct cgroup_memory *m, struct cgroup_asking *out)
{
    const char *folder = m->paths.folder[CGROUP_MEMORY];
    if (m->notice_fd < 0 && !m->paths.v2)
        return false;
    *out = (struct cgroup_asking){.usage_fd = -1, .notice_fd = -1};
    out->control_fd = open_in(folder, m->paths.v2 ? "memory.high" : "cgroup.event_control", O_WRONLY);
    if (m->paths.v2) {
        out->high = high_of(&m->levels);
        return true;
    }
    out->usage_fd = fcntl(m->usage_fd, F_DUPFD_CLOEXEC, 0);
    out->notice_fd = fcntl(m->notice_fd, F_DUPFD_CLOEXEC, 0);
    memcpy(out->at, (uint64_t[]){m->levels.near, m->levels.warning, m->levels.critical}, sizeof out->at);
    return true;
}

void cgroup_asking_do(const struct cgroup_asking *a)
{
    char text[64];
    snprintf(text, sizeof text, "%" PRIu64, a->high);
    if (a->high)
        write_text(a->control_fd, text);
    for (size_t i = 0; !a->high && i < ARRAY_LEN(a->at); i++) {
        snprintf(text, sizeof text, "%d %d %" PRIu64, a->notice_fd, a->usage_fd, a->at[i]);
        write_text(a->control_fd, text);
    }
}

static void ask(struct cgroup_memory *m)
{
    m->notice_fd =
        m->paths.v2 ? open_in(m->paths.folder[CGROUP_MEMORY], "memory.events", O_RDONLY) : ask_v1(m);
}

static struct cgroup_hold *open_freezer(const struct cgroup_paths *paths, struct cgroup_holds *holds)
{
    if (paths->v2)
        return NULL;
    int fd = open_in(paths->unified, "cgroup.freeze", O_WRONLY);
    if (fd >= 0)
        return cgroup_hold_new(holds, fd, "1", "0");
    fd = open_in(paths->folder[CGROUP_FREEZER], "freezer.state", O_WRONLY);
    return fd < 0 ? NULL : cgroup_hold_new(holds, fd, "FROZEN", "THAWED");
}

int cgroup_memory_open(struct cgroup_memory *m, const struct cgroup_paths *paths,
                       const struct cgroup_levels *levels, struct cgroup_holds *holds, struct err *e)
{
    const char *folder = paths->folder[CGROUP_MEMORY];
    *m = (struct cgroup_memory){.paths = *paths, .levels = *levels, .notice_fd = -1};
    m->oom_fd = open_in(folder, paths->v2 ? "memory.events" : "memory.oom_control", O_RDONLY);
    m->usage_fd = open_in(folder, paths->v2 ? "memory.current" : "memory.usage_in_bytes", O_RDONLY);
    m->stat_fd = open_in(folder, "memory.stat", O_RDONLY);
    m->kernel_fd = paths->v2 ? -1 : open_in(folder, "memory.kmem.usage_in_bytes", O_RDONLY);
    m->pids_fd = paths->v2 ? -1 : open_in(paths->folder[CGROUP_PIDS], "pids.current", O_RDONLY);
    if (m->usage_fd < 0 || m->stat_fd < 0) {
        cgroup_memory_close(m);
        return err_set(e, ERR_NOT_FOUND, "the memory cgroup %s is gone", folder);
    }
    m->freezer = open_freezer(paths, holds);
    ask(m);
    return 0;
}

void cgroup_asking_close(struct cgroup_asking *asking)
{
    drop(&asking->control_fd);
    drop(&asking->usage_fd);
    drop(&asking->notice_fd);
}

void cgroup_memory_close(struct cgroup_memory *m)
{
    cgroup_hold_free(m->freezer);
    m->freezer = NULL;
    drop(&m->usage_fd);
    drop(&m->stat_fd);
    drop(&m->kernel_fd);
    drop(&m->pids_fd);
    drop(&m->oom_fd);
    drop(&m->notice_fd);
}

void cgroup_memory_level(struct cgroup_memory *m, const struct cgroup_levels *levels)
{
    drop(&m->notice_fd); /* the thresholds set for it go with it */
    m->levels = *levels;
    ask(m);
}

void cgroup_memory_noticed(struct cgroup_memory *m)
{
    char bytes[FILE_MAX];
    if (m->notice_fd < 0)
        return;
    ssize_t n =
        m->paths.v2 ? pread(m->notice_fd, bytes, sizeof bytes, 0) : read(m->notice_fd, bytes, sizeof bytes);
    (void)n; /* EAGAIN: the notice was read already */
}

static size_t read_at(int fd, char *bytes)
{
    ssize_t n = fd < 0 ? -1 : pread(fd, bytes, FILE_MAX, 0);
    return n > 0 ? (size_t)n : 0;
}

static bool number_at(int fd, uint64_t *number)
{
    char bytes[FILE_MAX];
    size_t len = read_at(fd, bytes);
    return len && cgroup_parse_number(bytes, len, number);
}

bool cgroup_memory_usage(const struct cgroup_memory *m, uint64_t *usage)
{
    return number_at(m->usage_fd, usage);
}

uint64_t cgroup_memory_oom_kills(const struct cgroup_memory *m)
{
    char bytes[FILE_MAX];
    uint64_t n = 0;
    size_t len = read_at(m->oom_fd, bytes);
    return len && cgroup_parse_key(bytes, len, "oom_kill", &n) ? n : 0;
}

uint64_t cgroup_memory_unreclaimable(const struct cgroup_memory *m, uint64_t usage)
{
    char bytes[FILE_MAX];
    uint64_t kernel = 0, processes = 0, back = 0;
    uint64_t rest = cgroup_parse_use(bytes, read_at(m->stat_fd, bytes), m->paths.v2, usage).unreclaimable;
    if (number_at(m->kernel_fd, &kernel) && number_at(m->pids_fd, &processes))
        back = cgroup_kernel_reclaimable(kernel, processes);
    return rest > back ? rest - back : 0;
}

void cgroup_memory_hold(struct cgroup_memory *m)
{
    if (m->held || !m->freezer)
        return;
    cgroup_hold_set(m->freezer, true);
    m->held = true;
}

void cgroup_memory_release(struct cgroup_memory *m)
{
    if (!m->held)
        return;
    cgroup_hold_set(m->freezer, false);
    m->held = false;
}
