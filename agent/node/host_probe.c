#include "agent/node/host_probe.h"
#include "agent/node/host_room.h"

#include "common/io/loop.h"
#include "common/base/mem.h"
#include "common/model/node_wire.h"
#include "common/io/pki.h"
#include "common/base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#define FREE_LEAST     10 /* percent */
#define OLDEST_API     1.41
#define V1_BLKIO       "/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device"
#define V2_CONTROLLERS "/sys/fs/cgroup/cgroup.controllers"

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
    return lines > 1; /* the first line is the heading */
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

/* The file system of a folder; of one that the first start makes: that of the nearest folder above it. */
static bool file_system_of(const char *folder, struct statvfs *fs)
{
    char at[1024];
    snprintf(at, sizeof at, "%s", folder);
    while (statvfs(at, fs)) {
        char *slash = strrchr(at, '/');
        if (errno != ENOENT || !slash || !strcmp(at, "/"))
            return false;
        slash[slash == at] = 0;
    }
    return fs->f_blocks;
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
    bool there = file_system_of(p->conf->state_dir, &fs);
    unsigned free_percent = there ? (unsigned)(fs.f_bavail * 100 / fs.f_blocks) : 0;
    if (there)
        snprintf(detail, sizeof detail, "%u %% of the file system of %.150s are free", free_percent,
                 p->conf->state_dir);
    else
        snprintf(detail, sizeof detail, "%.150s: %s", p->conf->state_dir, strerror(errno));
    add(p, "space", there && free_percent >= FREE_LEAST, 0, detail, "make room, or choose another state_dir");
}

/* The disk of Docker's images. */
static void probe_image_disk(struct probe *p)
{
    uint64_t bytes = 0;
    char detail[240], has[32], least[32];
    struct err e;
    bool seen = !docker_free_bytes(p->facts->root_dir, &bytes, &e);
    units_format_bytes(bytes, has, sizeof has);
    units_format_bytes(p->conf->image_free_bytes, least, sizeof least);
    if (seen)
        snprintf(detail, sizeof detail, "%s of Docker's disk are free; nothing is pulled below %s", has,
                 least);
    else
        snprintf(detail, sizeof detail,
                 "how full Docker's disk is cannot be seen, so pulls may fill it: %.120s", e.text);
    add(p, "image_disk", seen && bytes >= p->conf->image_free_bytes, 0, detail,
        seen ? "make room, let unused images go (image_keep_hours), or lower image_free_bytes"
             : "run the agent where it sees Docker's root folder");
}

/* A remapped container reaches its volume through folders that its user must be able to enter. */
static void probe_state_dir(struct probe *p)
{
    char path[1024], detail[240];
    struct stat st;
    snprintf(path, sizeof path, "%s", p->conf->state_dir);
    bool ok = true;
    snprintf(detail, sizeof detail, "other users can reach %.150s", path);
    for (char *slash; ok && (slash = strrchr(path, '/')) && slash != path;) {
        *slash = 0;
        if (!stat(path, &st) && !(st.st_mode & S_IXOTH)) {
            ok = false;
            snprintf(detail, sizeof detail, "other users cannot enter %.150s", path);
        }
    }
    add(p, "state_dir", ok, p->facts->userns ? ENFORCE_DISK : 0, detail,
        "choose a state_dir that other users can reach");
}

int host_seccomp(const struct agent_conf *conf, char **text, struct err *e)
{
    struct err why;
    const char *path = conf->seccomp_profile;
    *text = NULL;
    if (!strcmp(path, "builtin"))
        return 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return err_set(e, ERR_CONFIG, "seccomp_profile: %s: %s", path, strerror(errno));
    char *profile = mem_zalloc(CONF_FILE_MAX + 1);
    profile[fread(profile, 1, CONF_FILE_MAX, f)] = 0;
    fclose(f);
    if (docker_seccomp_check(profile, &why)) {
        free(profile);
        return err_set(e, ERR_CONFIG, "seccomp_profile: %s: %s", path, why.text);
    }
    *text = profile;
    return 0;
}

static void probe_seccomp(struct probe *p)
{
    char *profile, detail[240];
    struct err e;
    bool wrong = host_seccomp(p->conf, &profile, &e) != 0;
    if (!p->facts->seccomp)
        snprintf(detail, sizeof detail, "system calls are not filtered, so this node takes no sandboxes");
    else if (wrong)
        snprintf(detail, sizeof detail, "%s", e.text);
    else if (!profile)
        snprintf(detail, sizeof detail, "system calls are filtered by Docker's own profile");
    else
        snprintf(detail, sizeof detail, "system calls are filtered by %.150s", p->conf->seccomp_profile);
    add(p, "seccomp", p->facts->seccomp && profile, 0, detail,
        p->facts->seccomp ? "set seccomp_profile to the one that comes with Corral, share/corral/seccomp.json"
                          : "run a kernel with CONFIG_SECCOMP_FILTER and a Docker that has seccomp");
    free(profile);
}

/* The three CVEs of November 2025 are fixed in 1.2.8, in 1.3.3 and from 1.4 on. */
static bool runc_is_mended(const char *version)
{
    unsigned major = 0, minor = 0, patch = 0;
    sscanf(version, "%u.%u.%u", &major, &minor, &patch);
    if (major != 1)
        return major > 1;
    return minor > 3 || (minor == 3 && patch >= 3) || (minor == 2 && patch >= 8);
}

static void probe_runc(struct probe *p)
{
    const struct docker_facts *f = p->facts;
    char detail[240];
    bool mended = runc_is_mended(f->runc_version);
    snprintf(detail, sizeof detail, "version %s%s%s", f->runc_version[0] ? f->runc_version : "unknown",
             mended ? "" : " may lack the fixes for CVE-2025-31133, -52565 and -52881",
             mended      ? ""
             : f->userns ? "; user namespaces keep them from this host's root"
                         : ", which lead to this host's root");
    add(p, "runc", mended || f->userns, 0, detail,
        "install runc 1.2.8, 1.3.3 or later, or set userns-remap in Docker's daemon.json");
}

static bool file_has_word(const char *path, const char *word)
{
    char text[512] = " ";
    FILE *f = fopen(path, "re");
    bool has = f && fgets(text, sizeof text, f) && strstr(text, word);
    if (f)
        fclose(f);
    return has;
}

/* On v1, write-back by the kernel is charged to nobody, so only I/O that a process waits for is limited. */
static void probe_blkio(struct probe *p)
{
    const struct agent_conf *c = p->conf;
    bool v2 = p->facts->cgroup_v2, asked = c->disk_read_bytes || c->disk_write_bytes || c->disk_operations;
    bool can = v2 ? file_has_word(V2_CONTROLLERS, "io") : !access(V1_BLKIO, W_OK);
    add(p, "blkio", can && asked && v2, 0,
        !can     ? "this kernel does not limit how fast a sandbox uses its disk"
        : !asked ? "no sandbox is limited in how fast it uses its disk"
        : v2
            ? "each sandbox is limited in how fast it uses its disk"
            : "reads, and writes that a sandbox waits for, are limited; what the kernel writes back later is "
              "not, with cgroups of version 1",
        !can     ? "run a kernel with CONFIG_BLK_DEV_THROTTLING and the io (blkio) controller mounted"
        : !asked ? "set disk_read_bytes, disk_write_bytes and disk_operations"
                 : "boot with cgroups of version 2 (systemd.unified_cgroup_hierarchy=1)");
}

static bool has_apparmor(void)
{
    FILE *f = fopen("/sys/module/apparmor/parameters/enabled", "re");
    bool enabled = f && fgetc(f) == 'Y';
    if (f)
        fclose(f);
    return enabled;
}

/* Docker loads its AppArmor profile with a program that its package only recommends. */
static void probe_apparmor(struct probe *p)
{
    bool there = has_apparmor(), parser = in_path("apparmor_parser");
    add(p, "apparmor", !there || parser, 0,
        !there   ? "the kernel does not use it"
        : parser ? "Docker's profile confines containers"
                 : "the kernel uses it, and Docker starts nothing without apparmor_parser",
        "install the package apparmor");
}

static void probe_runsc(struct probe *p)
{
    const struct docker_facts *f = p->facts;
    size_t runsc = 0;
    for (size_t i = 0; i < f->runtimes.count; i++)
        runsc += !strncmp(f->runtimes.item[i], "runsc", 5);
    bool shut = runsc && f->closed.count >= runsc;
    add(p, "runsc", !shut, 0,
        shut    ? "gVisor is there, but its inits cannot connect: Docker's exec links them, more slowly"
        : runsc ? "gVisor is there: a sandbox may ask for it"
                : "gVisor is not there: no sandbox can ask for it",
        "add \"--host-uds=open\" to runtimeArgs of runsc in Docker's daemon.json");
}

static void probe_clock(struct probe *p)
{
    struct timex now = {0};
    bool good = adjtimex(&now) != TIME_ERROR;
    add(p, "clock", good, 0,
        good ? "synchronized"
             : "not synchronized: deadlines do not need it, certificates and the times in answers do",
        "run chrony or systemd-timesyncd");
}

/*
 * Pools of the whole node that every sandbox uses, all under one user id of the host. If they are large
 * enough, a sandbox is bounded by its own limits of memory, processes and open files (docs/hardening.md).
 */
static const struct pool {
    const char *path;
    unsigned long long least; /* 0: it must be 0, no limit */
} pools[] = {
    {"fs/epoll/max_user_watches", 4000000},
    {"fs/inotify/max_user_instances", 16384},
    {"fs/inotify/max_user_watches", 1048576},
    {"fs/pipe-user-pages-soft", 0},
    {"kernel/pid_max", 1048576},
    {"kernel/pty/max", 262144},
};

static const char mend_pools[] =
    "copy share/corral/sysctl.conf to /etc/sysctl.d/60-corral.conf and run sysctl --system";

static bool pool_is_small(const struct pool *pool)
{
    char path[128];
    unsigned long long value = pool->least;
    snprintf(path, sizeof path, "/proc/sys/%s", pool->path);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%llu", &value) != 1)
        value = pool->least;
    if (f)
        fclose(f);
    return pool->least ? value < pool->least : value != 0;
}

static void probe_pools(struct probe *p)
{
    char detail[240] = "";
    size_t len = 0;
    for (size_t i = 0; i < ARRAY_LEN(pools); i++) {
        if (pool_is_small(&pools[i]) && len < sizeof detail)
            len +=
                (size_t)snprintf(detail + len, sizeof detail - len, "%s%s", len ? ", " : "", pools[i].path);
    }
    for (char *slash = detail; (slash = strchr(slash, '/'));)
        *slash = '.';
    if (len && len < sizeof detail)
        snprintf(detail + len, sizeof detail - len, ": one sandbox can take all of it");
    add(p, "pools", !len, 0,
        len ? detail : "the kernel's shared pools are larger than one sandbox can use up", mend_pools);
}

static void probe_keyrings(struct probe *p)
{
    char detail[240];
    uint64_t room = host_keyrings(p->facts->userns), asked = p->conf->sandboxes;
    snprintf(detail, sizeof detail, "there are enough for %" PRIu64 " sandboxes", asked);
    if (room < asked)
        snprintf(detail, sizeof detail,
                 "kernel.keys.maxkeys and kernel.keys.maxbytes allow %" PRIu64 " sandboxes of the %" PRIu64
                 " of CORRAL_CAPACITY_SANDBOXES: no more are placed here",
                 room, asked);
    add(p, "keyrings", room >= asked, 0, detail, mend_pools);
}

static void probe_advice(struct probe *p)
{
    const struct docker_facts *f = p->facts;
    add(p, "userns-remap", f->userns, 0,
        f->userns ? "root in a container is nobody on this host" : "root in a container is root on this host",
        "set \"userns-remap\": \"default\" in Docker's daemon.json");
    add(p, "live-restore", f->live_restore, 0,
        f->live_restore ? "sandboxes outlive a restart of Docker" : "a restart of Docker ends all sandboxes",
        "set \"live-restore\": true in Docker's daemon.json");
    add(p, "cgroups", true, 0, f->cgroup_v2 ? "version 2" : "version 1", "");
    probe_seccomp(p);
    probe_apparmor(p);
    probe_runc(p);
    probe_runsc(p);
    probe_blkio(p);
    probe_pools(p);
    probe_keyrings(p);
    probe_clock(p);
}

static void probe_certificate(struct probe *p)
{
    int64_t ends_s;
    struct err e;
    char detail[240];
    if (pki_ends_s(p->conf->cert_file, &ends_s, &e)) {
        add(p, "certificate", false, 0, e.text, "corral-controller pki issue makes one; set cert_file");
        return;
    }
    long long days = (ends_s - (int64_t)(wall_now_ms() / 1000)) / 86400;
    snprintf(detail, sizeof detail, "good for %lld days", days);
    add(p, "certificate", days >= PKI_RENEW_DAYS, 0, detail,
        "corral-controller pki issue makes a new one; a controller with ca_key renews it in time");
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
    bool new_enough = facts && atof(facts->api_version) >= OLDEST_API;
    add(&p, "docker", new_enough, facts ? 0 : ENFORCE_ALL, detail,
        facts ? "install Docker 20.10 or later" : "start Docker, or set docker_socket");
    probe_certificate(&p);
    add(&p, "init", !access(conf->init_path, X_OK), 0, conf->init_path,
        "install corral-init, or set init_path");
    if (!facts)
        return p.count;
    probe_limits(&p);
    probe_disk(&p);
    probe_image_disk(&p);
    probe_state_dir(&p);
    probe_advice(&p);
    return p.count;
}

uint32_t host_enforces(const struct host_check *checks, size_t count)
{
    uint32_t bits = ENFORCE_ALL;
    for (size_t i = 0; i < count; i++) {
        if (!checks[i].ok)
            bits &= ~checks[i].needed_for;
    }
    return bits;
}
