/*
 * The agent's disks and cgroups on the real kernel. Needs root.
 * usage: host_parts FOLDER [disk]   (disk: only these; ThreadSanitizer's own thread would be counted in a
 * cgroup)
 */
#include "agent/cgroup/cgroup_kill.h"
#include "agent/cgroup/cgroup_limit.h"
#include "agent/cgroup/cgroup_sandbox.h"
#include "agent/cgroup/ucount.h"
#include "agent/disk/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB        1048576u
#define BUSY_CENTI 1500 /* of one processor; whatever else runs on this machine leaves that */
#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s does not hold (%s; %s)\n", __FILE__, __LINE__, #condition, e.text,    \
                    strerror(errno));                                                                        \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

static struct err e;
static struct loop *loop;
static struct worker *worker;
static int made_code, pending;

static void on_made(void *arg, int code, const struct err *error)
{
    made_code = code;
    if (error)
        e = *error;
    if (--pending == 0)
        loop_stop(loop);
}

static struct sandbox_id id_of(uint8_t n)
{
    uint8_t random[10] = {n};
    return sandbox_id_make((uint64_t)getpid(), random);
}

static void removed(struct volumes *volumes, const struct sandbox_id *id)
{
    pending = 1;
    volume_remove(volumes, id, on_made, NULL);
    loop_run(loop);
    CHECK(!made_code);
}

/* Writes until the disk is full; returns how much it wrote. */
static uint64_t fill(const char *path, int *why)
{
    static char block[MIB];
    uint64_t written = 0;
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    for (ssize_t n; (n = write(fd, block, sizeof block)) > 0;)
        written += (uint64_t)n;
    *why = errno;
    close(fd);
    return written;
}

/* Made, removed and made again without a pause: the last call wins. */
static void test_what_is_given_in_one_go(struct volumes *volumes)
{
    struct sandbox_id id = id_of(20), *left;
    struct volume_use used;
    pending = 3;
    volume_make(volumes, &id, 32 * MIB, 1, NULL, on_made, NULL);
    volume_remove(volumes, &id, on_made, NULL);
    volume_make(volumes, &id, 32 * MIB, 1, NULL, on_made, NULL);
    loop_run(loop);
    CHECK(!made_code && volume_use(volumes, &id, &used));
    pending = 2;
    volume_make(volumes, &id, 32 * MIB, 1, NULL, on_made, NULL);
    volume_remove(volumes, &id, on_made, NULL);
    loop_run(loop);
    CHECK(!made_code && volume_list(volumes, &left) == 0);
    free(left);
}

/* If no folder can be made as its image says, the image is at fault, and not the node. */
static void test_a_place_that_cannot_be(struct volumes *volumes)
{
    struct sandbox_id id = id_of(21), *left;
    struct string_list places = {0};
    char place[300] = "0/";
    memset(place + 2, 'a', 256);
    string_list_add(&places, place);
    pending = 1;
    volume_make(volumes, &id, 32 * MIB, 1, &places, on_made, NULL);
    loop_run(loop);
    CHECK(made_code == ERR_IMAGE_UNAVAILABLE && volume_list(volumes, &left) == 0);
    free(left);
    string_list_fini(&places);
}

/* Whether the sandbox's disk bypasses the host's page cache. */
static bool is_direct(const struct stat *st)
{
    char path[64];
    snprintf(path, sizeof path, "/sys/dev/block/%u:%u/loop/dio", major(st->st_dev), minor(st->st_dev));
    FILE *f = fopen(path, "re");
    CHECK(f);
    bool direct = fgetc(f) == '1';
    fclose(f);
    return direct;
}

static void test_disk(const char *dir)
{
    struct volumes *volumes;
    struct sandbox_id id = id_of(1), *left;
    char folder[VOLUME_PATH_MAX], file[VOLUME_PATH_MAX + 8];
    struct volume_use used;
    int why;
    CHECK(!volumes_new(&volumes, worker, dir, 101000, &e));
    pending = 1;
    volume_make(volumes, &id, 64 * MIB, 2, NULL, on_made, NULL);
    loop_run(loop);
    CHECK(!made_code);
    volume_folder(volumes, &id, 1, folder);
    struct stat st;
    CHECK(!stat(folder, &st) && st.st_uid == 101000 && is_direct(&st));
    CHECK(volume_use(volumes, &id, &used));
    CHECK(used.used_bytes < 2 * MIB);
    snprintf(file, sizeof file, "%s/fill", folder);
    uint64_t written = fill(file, &why);
    CHECK(why == ENOSPC && written >= 64 * MIB && written < 65 * MIB);
    CHECK(volume_use(volumes, &id, &used) && used.used_bytes >= 64 * MIB && used.used_bytes < 66 * MIB);
    CHECK(volume_list(volumes, &left) == 2);
    free(left);
    /* A disk that a crash left is made again, empty. */
    pending = 1;
    volume_make(volumes, &id, 64 * MIB, 1, NULL, on_made, NULL);
    loop_run(loop);
    CHECK(!made_code && volume_use(volumes, &id, &used) && used.used_bytes < 2 * MIB);
    /* It is a copy of what mkfs made for the first, and holds as much. */
    volume_folder(volumes, &id, 0, folder);
    CHECK(!stat(folder, &st) && st.st_uid == 101000 && is_direct(&st));
    snprintf(file, sizeof file, "%s/fill", folder);
    uint64_t again = fill(file, &why);
    CHECK(why == ENOSPC && again == written);
    removed(volumes, &id);
    removed(volumes, &id);
    CHECK(volume_list(volumes, &left) == 0);
    CHECK(!volume_use(volumes, &id, &used));
    pending = 4;
    for (uint8_t i = 0; i < 4; i++) {
        id = id_of((uint8_t)(10 + i));
        volume_make(volumes, &id, 32 * MIB, 1, NULL, on_made, NULL);
    }
    loop_run(loop);
    CHECK(!made_code);
    for (uint8_t i = 0; i < 4; i++) {
        id = id_of((uint8_t)(10 + i));
        removed(volumes, &id);
    }
    test_what_is_given_in_one_go(volumes);
    test_a_place_that_cannot_be(volumes);
    worker_free(worker);
    volumes_free(volumes);
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static bool v1(void)
{
    return !access("/sys/fs/cgroup/memory/cgroup.procs", F_OK);
}

static const char *const parents[] = {"memory", "cpu", "cpuacct", "pids", "freezer", "unified"};

/* A cgroup of the test's own in each hierarchy, and a process in it that holds memory and burns CPU. */
static pid_t child_in_cgroup(const char *name)
{
    char path[256], pid_text[16];
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves no process running */
        signal(SIGTERM, SIG_IGN);
        raise(SIGSTOP);
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;)
                pause();
        }
        volatile char *hold = malloc(32 * MIB); /* otherwise an optimizer sees that nobody reads it */
        for (unsigned i = 0; i < 32 * MIB; i += 4096)
            hold[i] = 1;
        for (volatile int i = 0;; i++)
            hold[i % MIB]++;
    }
    waitpid(pid, NULL, WUNTRACED);
    snprintf(pid_text, sizeof pid_text, "%d", (int)pid);
    for (size_t i = 0; i < (v1() ? ARRAY_LEN(parents) : 1); i++) {
        snprintf(path, sizeof path, "/sys/fs/cgroup/%s/%s", v1() ? parents[i] : "", name);
        CHECK(!mkdir(path, 0755) || errno == EEXIST);
        strcat(path, "/cgroup.procs");
        write_file(path, pid_text);
    }
    kill(pid, SIGCONT);
    return pid;
}

/* Whether there is another try; each but the first comes after a pause. */
static bool next_try(int i, int most, useconds_t pause_us)
{
    if (i)
        usleep(pause_us);
    return i < most;
}

static void remove_cgroups(const char *name)
{
    char path[256];
    for (size_t i = 0; i < (v1() ? ARRAY_LEN(parents) : 1); i++) {
        snprintf(path, sizeof path, "/sys/fs/cgroup/%s/%s", v1() ? parents[i] : "", name);
        for (int tries = 0; next_try(tries, 1000, 1000) && rmdir(path) && errno == EBUSY;)
            tries++;
    }
}

/* Twice the memory and a tenth of the CPU; an impossible limit is refused. */
static void test_limit(struct cgroup_sandbox *sandbox)
{
    const struct cgroup_paths *paths = cgroup_sandbox_paths(sandbox);
    struct sandbox_limits limits = {128 * MIB, 100, 1024, 0, 16, 0};
    struct sample s = {0};
    CHECK(!cgroup_limit(paths, &limits, &e));
    bool held = false;
    for (int i = 0; !held && next_try(i, 100, 100000); i++) { /* the first sample is of the old limit */
        CHECK(!cgroup_sandbox_sample(sandbox, loop_now_ms(), &limits, &s, &e));
        held = i && s.cpu_centi > 5000 && s.cpu_centi <= 15000;
    }
    CHECK(held);
    limits.memory_bytes = 48 * MIB;
    CHECK(!cgroup_limit(paths, &limits, &e));
    limits.memory_bytes = 8 * MIB;
    if (v1()) /* v2 takes it, and kills a process that is above it */
        CHECK(cgroup_limit(paths, &limits, &e) == ERR_CONFLICT && strstr(e.text, "memory"));
}

static bool dies(const struct cgroup_paths *paths)
{
    enum cgroup_left left = CGROUP_LEFT_SOME;
    for (int i = 0; left == CGROUP_LEFT_SOME && next_try(i, 1000, 1000); i++) {
        left = cgroup_kill_each(paths);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    }
    return left == CGROUP_LEFT_NONE;
}

/* By signals alone; if a freezer of version 1 holds the processes, by force; and no process of another
 * cgroup. */
static void test_kill(const struct cgroup_paths *paths, const char *name)
{
    char beside[80];
    snprintf(beside, sizeof beside, "%s-beside", name);
    pid_t other = child_in_cgroup(beside);
    CHECK(dies(paths));
    pid_t again = child_in_cgroup(name);
    if (v1()) {
        char freezer[CGROUP_PATH_MAX + 32];
        snprintf(freezer, sizeof freezer, "%s/freezer.state", paths->folder[CGROUP_FREEZER]);
        write_file(freezer, "FROZEN");
        CHECK(!dies(paths));
        cgroup_kill_by_force(paths);
    }
    CHECK(dies(paths) && kill(again, 0) && !kill(other, 0));
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    remove_cgroups(beside);
}

static void test_cgroup(void)
{
    char name[64];
    snprintf(name, sizeof name, "corral-test-%d", (int)getpid());
    pid_t pid = child_in_cgroup(name);
    struct cgroup_sandbox *sandbox;
    struct sandbox_limits limits = {64 * MIB, 1000, 512, 0, 16, 0};
    struct sample s = {0};
    struct cgroup_paths paths;
    CHECK(!cgroup_paths_of("", pid, &paths, &e) && !cgroup_sandbox_open(&sandbox, &paths, "", pid, &e));
    for (int i = 0;
         (s.memory_unreclaimable_bytes < 30 * MIB || s.cpu_centi < BUSY_CENTI) && next_try(i, 2000, 5000);
         i++) {
        s = (struct sample){0};
        CHECK(!cgroup_sandbox_sample(sandbox, loop_now_ms(), &limits, &s, &e));
    }
    CHECK(s.memory_unreclaimable_bytes >= 30 * MIB && s.memory_unreclaimable_bytes <= s.memory_used_bytes);
    CHECK(s.memory_peak_bytes >= s.memory_used_bytes && s.memory_limit_bytes == 64 * MIB);
    CHECK(s.cpu_centi >= BUSY_CENTI && s.cpu_usage_ns > 0);
    CHECK(s.pids == 2 && s.pids_limit == 16);
    test_limit(sandbox);
    test_kill(&paths, name);
    remove_cgroups(name);
    CHECK(cgroup_sandbox_sample(sandbox, loop_now_ms(), &limits, &s, &e) == ERR_NOT_FOUND || s.pids == 0);
    cgroup_sandbox_close(sandbox);
    CHECK(cgroup_sandbox_open(&sandbox, &paths, "", pid, &e) == ERR_NOT_FOUND);
    CHECK(cgroup_kill_each(&paths) == CGROUP_LEFT_NONE);
}

/* --- shares of the kernel's common pools --- */

static unsigned instances(void)
{
    unsigned number = 0;
    FILE *f = fopen("/proc/sys/user/max_inotify_instances", "re");
    CHECK(f && fscanf(f, "%u", &number) == 1);
    fclose(f);
    return number;
}

static void test_shares(void)
{
    struct ucount_limits share = ucount_share(128, 1 << 20), host = ucount_of_host("");
    CHECK(share.inotify_instances == 16 && share.inotify_watches == 65536);
    CHECK(host.inotify_instances && host.inotify_watches);
    int go[2], there[2], status;
    char byte = 0;
    CHECK(!pipe(go) && !pipe(there));
    pid_t pid = fork();
    if (!pid) {
        if (unshare(CLONE_NEWUSER) || write(there[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1)
            _exit(1);
        _exit(instances() == 16 ? 0 : 2);
    }
    CHECK(pid > 0 && read(there[0], &byte, 1) == 1);
    unsigned before = instances();
    CHECK(!ucount_limit(pid, &share, &e) && !ucount_limit(getpid(), &share, &e));
    CHECK(write(go[1], &byte, 1) == 1 && waitpid(pid, &status, 0) == pid && !status);
    CHECK(instances() == before); /* this host's own settings are as before */
    CHECK(ucount_limit(pid, &share, &e) == ERR_NOT_FOUND);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2 || argc == 3);
    loop = loop_new();
    CHECK(!worker_new(&worker, loop, 4, &e));
    test_disk(argv[1]);
    if (argc == 2) {
        test_cgroup();
        test_shares();
    }
    loop_free(loop);
    puts("disks and cgroups hold");
    return 0;
}
