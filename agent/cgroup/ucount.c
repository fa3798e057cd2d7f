#include "agent/cgroup/ucount.h"

#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHARE         8
#define INSTANCES_MIN 16
#define INSTANCES_MAX 128
#define WATCHES_MIN   1024
#define WATCHES_MAX   65536

static uint64_t within(uint64_t value, uint64_t least, uint64_t most)
{
    return value < least ? least : value > most ? most : value;
}

struct ucount_limits ucount_share(uint64_t host_instances, uint64_t host_watches)
{
    return (struct ucount_limits){within(host_instances / SHARE, INSTANCES_MIN, INSTANCES_MAX),
                                  within(host_watches / SHARE, WATCHES_MIN, WATCHES_MAX)};
}

static uint64_t number_in(const char *root, const char *name)
{
    char path[512];
    uint64_t number = 0;
    snprintf(path, sizeof path, "%s/proc/sys/fs/inotify/%s", root, name);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%" SCNu64, &number) != 1)
        number = 0;
    if (f)
        fclose(f);
    return number;
}

struct ucount_limits ucount_of_host(const char *root)
{
    return (struct ucount_limits){number_in(root, "max_user_instances"), number_in(root, "max_user_watches")};
}

struct row {
    const char *path;
    char text[32];
};

/* Runs in the forked process, whose only thread it is: only system calls are allowed. */
static int write_rows(int ns, const struct row *rows, size_t count)
{
    if (setns(ns, CLONE_NEWUSER))
        return 1;
    for (size_t i = 0; i < count; i++) {
        int fd = open(rows[i].path, O_WRONLY | O_CLOEXEC);
        size_t len = strlen(rows[i].text);
        if (fd < 0 || write(fd, rows[i].text, len) != (ssize_t)len)
            return 2;
    }
    return 0;
}

static int write_within(int ns, const struct ucount_limits *limits, struct err *e)
{
    struct row rows[] = {{.path = "/proc/sys/user/max_inotify_instances"},
                         {.path = "/proc/sys/user/max_inotify_watches"}};
    int status = -1;
    snprintf(rows[0].text, sizeof rows[0].text, "%" PRIu64, limits->inotify_instances);
    snprintf(rows[1].text, sizeof rows[1].text, "%" PRIu64, limits->inotify_watches);
    pid_t pid = fork();
    if (!pid)
        _exit(write_rows(ns, rows, ARRAY_LEN(rows)));
    if (pid < 0)
        return err_set(e, ERR_IO, "no process can be made: %s", strerror(errno));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status ? err_set(e, ERR_IO, "its shares of inotify are not set (status %d)", status) : 0;
}

int ucount_limit(pid_t pid, const struct ucount_limits *limits, struct err *e)
{
    char path[64];
    struct stat its, own;
    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
    int ns = open(path, O_RDONLY | O_CLOEXEC);
    if (ns < 0)
        return err_set(e, ERR_NOT_FOUND, "process %d is gone", (int)pid);
    int rc = 0;
    if (fstat(ns, &its) || stat("/proc/self/ns/user", &own))
        rc = err_set(e, ERR_IO, "its user namespace cannot be looked at: %s", strerror(errno));
    else if (its.st_ino != own.st_ino)
        rc = write_within(ns, limits, e);
    close(ns);
    return rc;
}
