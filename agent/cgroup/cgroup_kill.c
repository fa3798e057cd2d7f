#include "agent/cgroup/cgroup_kill.h"

#include "common/base/mem.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define PIDS_MAX 4096 /* read in one round; the next one finds the rest */
#define BATCH    128  /* descriptors open at once */

struct pids {
    pid_t item[PIDS_MAX];
    size_t count;
};

static void list(const struct cgroup_paths *paths, struct pids *out)
{
    char path[CGROUP_PATH_MAX + 64], line[32];
    out->count = 0;
    snprintf(path, sizeof path, "%s/cgroup.procs", paths->folder[CGROUP_MEMORY]);
    FILE *f = paths->folder[CGROUP_MEMORY][0] ? fopen(path, "re") : NULL;
    while (f && out->count < PIDS_MAX && fgets(line, sizeof line, f)) {
        long pid = strtol(line, NULL, 10);
        if (pid > 1)
            out->item[out->count++] = (pid_t)pid;
    }
    if (f)
        fclose(f);
}

static int by_number(const void *a, const void *b)
{
    pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
    return (x > y) - (x < y);
}

static bool has(const struct pids *pids, pid_t pid)
{
    return bsearch(&pid, pids->item, pids->count, sizeof pid, by_number);
}

static bool is_frozen(const struct cgroup_paths *paths)
{
    char path[CGROUP_PATH_MAX + 64], state = '0';
    snprintf(path, sizeof path, "%s/freezer.self_freezing", paths->folder[CGROUP_FREEZER]);
    int fd = paths->v2 || !paths->folder[CGROUP_FREEZER][0] ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    bool frozen = fd >= 0 && read(fd, &state, 1) == 1 && state == '1';
    if (fd >= 0)
        close(fd);
    return frozen;
}

/*
 * Between reading a pid and sending a signal to it, the pid may have been reused by a process outside the
 * sandbox: beside fork bombs, pids wrap around within seconds. So each pid is opened first (pidfd), and gets
 * the signal only if the cgroup lists it again afterwards: then the opened process is the listed one, or is
 * dead.
 */
static void send_to(const struct cgroup_paths *paths, const pid_t *pid, size_t count, struct pids *again)
{
    int fd[BATCH];
    for (size_t i = 0; i < count; i++)
        fd[i] = pidfd_open(pid[i], 0);
    list(paths, again);
    qsort(again->item, again->count, sizeof *again->item, by_number);
    for (size_t i = 0; i < count; i++) {
        if (fd[i] >= 0 && has(again, pid[i]))
            pidfd_send_signal(fd[i], SIGKILL, NULL, 0);
        if (fd[i] >= 0)
            close(fd[i]);
    }
}

static bool write_in(const char *folder, const char *name, const char *text)
{
    char path[CGROUP_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = folder[0] ? open(path, O_WRONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    bool good = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return good;
}

/*
 * Lifts the CPU quota: dying needs some 0.3 ms of CPU per process, so with a quota of 0.15 processors the end
 * of 48 processes would take long. Nothing else runs in the cgroup any more.
 */
static void let_die(const struct cgroup_paths *paths)
{
    const char *cpu = paths->folder[CGROUP_CPU];
    write_in(cpu, paths->v2 ? "cpu.max" : "cpu.cfs_quota_us", paths->v2 ? "max" : "-1");
    write_in(cpu, paths->v2 ? "cpu.weight" : "cpu.shares", paths->v2 ? "10000" : "262144");
}

enum cgroup_left cgroup_kill_each(const struct cgroup_paths *paths)
{
    CLEANUP(mem_free_ptr) struct pids *all = mem_zalloc(2 * sizeof *all);
    list(paths, all);
    for (size_t i = 0; i < all->count; i += BATCH)
        send_to(paths, all->item + i, all->count - i < BATCH ? all->count - i : BATCH, all + 1);
    if (!all->count)
        return CGROUP_LEFT_NONE;
    let_die(paths);
    return is_frozen(paths) ? CGROUP_LEFT_FROZEN : CGROUP_LEFT_SOME;
}

/* Thaws even if a step fails: a paused sandbox must die too. */
void cgroup_kill_by_force(const struct cgroup_paths *paths)
{
    const char *freezer = paths->v2 ? "" : paths->folder[CGROUP_FREEZER];
    if (!write_in(paths->unified, "cgroup.kill", "1")) {
        write_in(freezer, "freezer.state", "FROZEN");
        cgroup_kill_each(paths);
    }
    write_in(paths->unified, "cgroup.freeze", "0");
    write_in(freezer, "freezer.state", "THAWED");
}

/* The file's first bytes, as a text; false if there is no such file. */
static bool read_in(const char *folder, const char *name, char *out, size_t size)
{
    char path[CGROUP_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = folder[0] ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = fd >= 0 ? read(fd, out, size - 1) : -1;
    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = 0;
    return n > 0;
}

bool cgroup_is_alone(const struct cgroup_paths *paths, pid_t pid)
{
    char text[64], expected[32];
    snprintf(expected, sizeof expected, "%d\n", (int)pid);
    if (!read_in(paths->folder[CGROUP_MEMORY], "cgroup.procs", text, sizeof text) || strcmp(text, expected))
        return false;
    if (!paths->v2 && read_in(paths->folder[CGROUP_FREEZER], "freezer.state", text, sizeof text) &&
        strcmp(text, "THAWED\n"))
        return false;
    return !read_in(paths->unified, "cgroup.freeze", text, sizeof text) || !strcmp(text, "0\n");
}

bool cgroup_populated(const struct cgroup_paths *paths)
{
    char path[CGROUP_PATH_MAX + 64], byte;
    snprintf(path, sizeof path, "%s/cgroup.procs", paths->folder[CGROUP_MEMORY]);
    int fd = paths->folder[CGROUP_MEMORY][0] ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    bool populated = fd >= 0 && read(fd, &byte, 1) == 1; /* no folder: it was removed with its container */
    if (fd >= 0)
        close(fd);
    return populated;
}
