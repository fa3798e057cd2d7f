#include "agent/host_probe.h"

#include "common/node_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define ALL_ENFORCED                                                                                         \
    (ENFORCE_MEMORY | ENFORCE_CPU | ENFORCE_DISK | ENFORCE_PIDS | ENFORCE_NOFILE | ENFORCE_NETWORK)
#define FREE_LEAST 10 /* percent */

struct probe {
    const struct agent_conf *conf;
    const struct docker_facts *facts;
    struct host_check *out;
    size_t count;
};

static void add(struct probe *p, const char *name, bool ok, uint32_t needed_for, const char *detail,
                const char *mend)
{
    struct host_check *check = &p->out[p->count++];
    *check = (struct host_check){.name = name, .ok = ok, .needed_for = needed_for, .mend = mend};
    snprintf(check->detail, sizeof check->detail, "%s", detail);
}

static bool has_swap(void)
{
    char line[256];
    int lines = 0;
    FILE *f = fopen("/proc/swaps", "re");
    while (f && fgets(line, sizeof line, f))
        lines++;
    if (f)
        fclose(f);
    return lines > 1; /* the first is the head */
}

static bool in_path(const char *program)
{
    char path[512];
    const char *dirs = getenv("PATH");
    for (const char *dir = dirs ? dirs : "/usr/sbin:/sbin"; *dir;
         dir += strcspn(dir, ":"), dir += *dir == ':') {
        snprintf(path, sizeof path, "%.*s/%s", (int)strcspn(dir, ":"), dir, program);
        if (!access(path, X_OK))
            return true;
    }
    return false;
}

static void probe_limits(struct probe *p)
{
    const struct docker_facts *f = p->facts;
    bool swap = has_swap();
    add(p, "memory", f->memory_limit, ENFORCE_MEMORY, "the kernel limits a container's memory",
        "boot with cgroup_enable=memory");
    add(p, "swap", f->swap_limit || !swap, ENFORCE_MEMORY,
        f->swap_limit ? "the kernel limits a container's swap"
        : swap        ? "there is swap, and the kernel does not limit a container's share of it"
                      : "there is no swap",
        "boot with swapaccount=1, or switch swap off");
    add(p, "cpu", f->cpu_quota, ENFORCE_CPU, "the kernel limits a container's CPU",
        "run a kernel with CONFIG_CFS_BANDWIDTH and the cpu controller mounted");
    add(p, "pids", f->pids_limit, ENFORCE_PIDS, "the kernel limits a container's processes",
        "run a kernel with the pids controller mounted");
    add(p, "nofile", true, ENFORCE_NOFILE, "open files are limited by setrlimit(2)", "");
    add(p, "network", true, ENFORCE_NETWORK, "network none has a loopback only", "");
}

static void probe_disk(struct probe *p)
{
    struct statvfs fs;
    char detail[240];
    int fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    bool loop = fd >= 0, mkfs = in_path("mkfs.ext4");
    if (fd >= 0)
        close(fd);
    add(p, "disk", loop && mkfs, ENFORCE_DISK,
        !loop   ? "loop devices cannot be used"
        : !mkfs ? "mkfs.ext4 is not in PATH"
                : "each sandbox gets a volume of its own, on a loop device",
        "load the module loop, run the agent as root, install e2fsprogs");
    bool there = !statvfs(p->conf->state_dir, &fs) && fs.f_blocks;
    unsigned free_percent = there ? (unsigned)(fs.f_bavail * 100 / fs.f_blocks) : 0;
    if (there)
        snprintf(detail, sizeof detail, "%u %% of the file system of %.150s are free", free_percent,
                 p->conf->state_dir);
    else
        snprintf(detail, sizeof detail, "%.150s: %s", p->conf->state_dir, strerror(errno));
    add(p, "space", there && free_percent >= FREE_LEAST, 0, detail, "make room, or choose another state_dir");
}

/* A remapped container comes to its volume by folders that its user must be able to enter. */
static void probe_state_dir(struct probe *p)
{
    char path[1024], detail[240];
    struct stat st;
    snprintf(path, sizeof path, "%s", p->conf->state_dir);
    bool ok = true;
    snprintf(detail, sizeof detail, "other users can come to %.150s", path);
    for (char *slash; ok && (slash = strrchr(path, '/')) && slash != path;) {
        *slash = 0;
        if (!stat(path, &st) && !(st.st_mode & S_IXOTH)) {
            ok = false;
            snprintf(detail, sizeof detail, "other users cannot enter %.150s", path);
        }
    }
    add(p, "state_dir", ok, p->facts->userns ? ENFORCE_DISK : 0, detail,
        "choose a state_dir that others can come to");
}

static bool has_apparmor(void)
{
    FILE *f = fopen("/sys/module/apparmor/parameters/enabled", "re");
    bool enabled = f && fgetc(f) == 'Y';
    if (f)
        fclose(f);
    return enabled;
}

/* Docker loads its profile with a program that its package only recommends. */
static void probe_apparmor(struct probe *p)
{
    bool there = has_apparmor(), parser = in_path("apparmor_parser");
    add(p, "apparmor", !there || parser, 0,
        !there   ? "the kernel does not use it"
        : parser ? "Docker's profile confines containers"
                 : "the kernel uses it, and Docker starts nothing without apparmor_parser",
        "install the package apparmor");
}

static void probe_advice(struct probe *p)
{
    const struct docker_facts *f = p->facts;
    bool runsc = false;
    for (size_t i = 0; i < f->runtimes.count; i++)
        runsc |= !strcmp(f->runtimes.item[i], "runsc");
    add(p, "userns-remap", f->userns, 0,
        f->userns
            ? "root in a container is nobody on this host"
            : "root in a container is root on this host: CVE-2025-31133, -52565 and -52881 of runc reach it",
        "set \"userns-remap\": \"default\" in Docker's daemon.json");
    add(p, "live-restore", f->live_restore, 0,
        f->live_restore ? "sandboxes outlive a restart of Docker" : "a restart of Docker ends all sandboxes",
        "set \"live-restore\": true in Docker's daemon.json");
    add(p, "seccomp", f->seccomp, 0,
        f->seccomp ? "system calls are filtered" : "system calls are not filtered",
        "run a kernel with CONFIG_SECCOMP_FILTER and a Docker that has seccomp");
    probe_apparmor(p);
    add(p, "cgroups", true, 0, f->cgroup_v2 ? "version 2" : "version 1", "");
    add(p, "runsc", true, 0,
        runsc ? "there: a sandbox may ask for it" : "not there: no sandbox can ask for it", "");
}

size_t host_probe(const struct agent_conf *conf, const struct docker_facts *facts,
                  struct host_check out[static HOST_CHECKS_MAX])
{
    struct probe p = {.conf = conf, .facts = facts, .out = out};
    char detail[240];
    if (facts)
        snprintf(detail, sizeof detail, "version %s, API %s", facts->version, facts->api_version);
    else
        snprintf(detail, sizeof detail, "no answer at %.150s", conf->docker_socket);
    add(&p, "docker", facts, facts ? 0 : ALL_ENFORCED, detail, "start Docker, or set docker_socket");
    add(&p, "init", !access(conf->init_path, X_OK), 0, conf->init_path,
        "install corral-init, or set init_path");
    if (!facts)
        return p.count;
    probe_limits(&p);
    probe_disk(&p);
    probe_state_dir(&p);
    probe_advice(&p);
    return p.count;
}

uint32_t host_enforces(const struct host_check *checks, size_t count)
{
    uint32_t bits = ALL_ENFORCED;
    for (size_t i = 0; i < count; i++) {
        if (!checks[i].ok)
            bits &= ~checks[i].needed_for;
    }
    return bits;
}
