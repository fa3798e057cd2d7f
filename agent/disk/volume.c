#include "agent/disk/volume.h"

#include "common/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOP_TRIES  16 /* others may take the free loop device that the kernel named */
#define BLOCK       4096u
#define KEPT_MAX    (16u << 20)
#define SMALL_PARTS (448u << 10)

struct making {
    struct volumes *volumes;
    struct making *next, **slot;
    struct sandbox_id id;
    unsigned folders;
    pid_t pid;
    int pidfd;
    struct watch watch;
    struct later later;
    int code;
    struct err error;
    volume_cb *cb;
    void *arg;
};

struct volumes {
    struct loop *loop;
    char dir[VOLUME_PATH_MAX - 64];
    uint32_t owner;
    struct making *makings;
};

int volumes_new(struct volumes **out, struct loop *loop, const char *dir, uint32_t owner, struct err *e)
{
    struct volumes *volumes = mem_zalloc(sizeof *volumes);
    if (strlen(dir) >= sizeof volumes->dir) {
        free(volumes);
        return err_set(e, ERR_CONFIG, "the state folder's path is too long: %s", dir);
    }
    strcpy(volumes->dir, dir);
    volumes->loop = loop;
    volumes->owner = owner;
    if ((mkdir(dir, 0711) && errno != EEXIST) || chmod(dir, 0711)) {
        int rc = err_set(e, ERR_IO, "%s: %s", dir, strerror(errno));
        free(volumes);
        return rc;
    }
    *out = volumes;
    return 0;
}

static void image_path(const struct volumes *volumes, const struct sandbox_id *id,
                       char out[static VOLUME_PATH_MAX])
{
    snprintf(out, VOLUME_PATH_MAX, "%s/%s.img", volumes->dir, id->text);
}

static void mount_path(const struct volumes *volumes, const struct sandbox_id *id,
                       char out[static VOLUME_PATH_MAX])
{
    snprintf(out, VOLUME_PATH_MAX, "%s/%s", volumes->dir, id->text);
}

void volume_folder(const struct volumes *volumes, const struct sandbox_id *id, unsigned folder,
                   char out[static VOLUME_PATH_MAX])
{
    snprintf(out, VOLUME_PATH_MAX, "%s/%s/%u", volumes->dir, id->text, folder);
}

/* --- making: the file, mkfs in a child, then loop device and mount --- */

static void making_finish(struct making *m)
{
    *m->slot = m->next;
    if (m->next)
        m->next->slot = m->slot;
    if (m->code) {
        struct err ignored;
        if (volume_remove(m->volumes, &m->id, &ignored))
            (void)0; /* the sweep finds it by its name */
    }
    m->cb(m->arg, m->code, m->code ? &m->error : NULL);
    free(m);
}

static void making_end(void *arg)
{
    making_finish(arg);
}

static void making_fail(struct making *m, int code)
{
    m->code = code;
    later_call(&m->later, m->volumes->loop, making_end, m);
}

/*
 * A free loop device with the file behind it, which the kernel lets go with its last user. Past the host's
 * page cache: on cgroup v2 that copy is charged to the sandbox too, and its writes then stood still for 4 s
 * at a time (Linux 6.1: 300 MB at 256 MiB took 35 to 43 s, 12 to 14 without).
 */
static int loop_attach(int image, char device[32])
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        return -1;
    for (int i = 0; i < LOOP_TRIES; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        snprintf(device, 32, "/dev/loop%d", number);
        int fd = number < 0 ? -1 : open(device, O_RDWR | O_CLOEXEC);
        struct loop_config config = {.fd = (uint32_t)image,
                                     .block_size = BLOCK,
                                     .info = {.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO}};
        if (fd >= 0 && !ioctl(fd, LOOP_CONFIGURE, &config)) {
            close(control);
            return fd;
        }
        if (fd >= 0)
            close(fd);
    }
    close(control);
    return -1;
}

static int mount_it(struct making *m)
{
    char image[VOLUME_PATH_MAX], path[VOLUME_PATH_MAX], device[32];
    image_path(m->volumes, &m->id, image);
    mount_path(m->volumes, &m->id, path);
    int file = open(image, O_RDWR | O_CLOEXEC);
    int fd = file < 0 ? -1 : loop_attach(file, device);
    int rc = fd < 0 || mkdir(path, 0711) ||
             mount(device, path, "ext4", MS_NOSUID | MS_NODEV | MS_NOATIME, "discard");
    if (rc)
        rc = err_set(&m->error, ERR_IO, "the sandbox's disk cannot be mounted: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    if (file >= 0)
        close(file);
    return rc;
}

static int make_folders(struct making *m)
{
    char path[VOLUME_PATH_MAX];
    for (unsigned i = 0; i < m->folders; i++) {
        volume_folder(m->volumes, &m->id, i, path);
        if (mkdir(path, 0755) || chown(path, m->volumes->owner, m->volumes->owner))
            return err_set(&m->error, ERR_IO, "the sandbox's disk cannot be filled: %s", strerror(errno));
    }
    return 0;
}

static void on_formatted(void *arg, bool readable, bool writable)
{
    struct making *m = arg;
    int status = 0;
    watch_stop(&m->watch);
    close(m->pidfd);
    m->pidfd = -1;
    waitpid(m->pid, &status, 0);
    if (status)
        m->code = err_set(&m->error, ERR_IO, "mkfs.ext4 failed on the sandbox's disk");
    if (!m->code)
        m->code = mount_it(m);
    if (!m->code)
        m->code = make_folders(m);
    making_finish(m);
}

static int make_file(struct making *m, const char *path, uint64_t bytes)
{
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    int rc = fd < 0 || ftruncate(fd, (off_t)bytes);
    if (rc)
        rc = err_set(&m->error, ERR_IO, "the sandbox's disk cannot be made: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

/*
 * The size of the file that leaves this much for the sandbox: beside it, inodes (256 bytes for each 8 KiB),
 * the maps of the block groups, and the blocks that ext4 keeps back for itself (2 %, at most 16 MiB).
 * Measured with e2fsprogs 1.47: what can be written is 100 to 101 % of bytes from 64 MiB up, and at most 0.5
 * MiB more below.
 */
static uint64_t file_size(uint64_t bytes)
{
    uint64_t kept = bytes / 48 < KEPT_MAX ? bytes / 48 : KEPT_MAX;
    uint64_t size = bytes + bytes / 31 + bytes / 4096 + kept + SMALL_PARTS;
    return (size + BLOCK - 1) / BLOCK * BLOCK;
}

/* Without a journal: after a crash of the host nobody needs what is on it. */
static int format(struct making *m, char *path)
{
    char options[96], name[] = "mkfs.ext4", quiet[] = "-q", force[] = "-F", o[] = "-O",
                      features[] = "^has_journal,^resize_inode";
    char e[] = "-E", reserve[] = "-m", none[] = "0", block[] = "-b", block_bytes[] = "4096", inodes[] = "-i",
         inode_each[] = "8192";
    snprintf(options, sizeof options, "lazy_itable_init=1,nodiscard,root_owner=%u:%u", m->volumes->owner,
             m->volumes->owner);
    char *argv[] = {name, quiet, force,       o,      features,   e,    options, reserve,
                    none, block, block_bytes, inodes, inode_each, path, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    int rc = posix_spawnp(&m->pid, name, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc)
        return err_set(&m->error, ERR_IO, "mkfs.ext4 cannot be run: %s", strerror(rc));
    m->pidfd = (int)syscall(SYS_pidfd_open, m->pid, 0);
    if (m->pidfd < 0)
        return err_set(&m->error, ERR_IO, "mkfs.ext4 cannot be watched: %s", strerror(errno));
    watch_start(&m->watch, m->volumes->loop, m->pidfd, true, false, on_formatted, m);
    return 0;
}

void volume_make(struct volumes *volumes, const struct sandbox_id *id, uint64_t bytes, unsigned folders,
                 volume_cb *cb, void *arg)
{
    char path[VOLUME_PATH_MAX];
    struct making *m = mem_zalloc(sizeof *m);
    *m = (struct making){.volumes = volumes,
                         .next = volumes->makings,
                         .slot = &volumes->makings,
                         .id = *id,
                         .folders = folders,
                         .pidfd = -1,
                         .cb = cb,
                         .arg = arg};
    if (m->next)
        m->next->slot = &m->next;
    volumes->makings = m;
    image_path(volumes, id, path);
    int rc = volume_remove(volumes, id, &m->error);
    if (!rc)
        rc = make_file(m, path, file_size(bytes));
    if (!rc)
        rc = format(m, path);
    if (rc)
        making_fail(m, rc);
}

void volumes_free(struct volumes *volumes)
{
    if (!volumes)
        return;
    while (volumes->makings) {
        struct making *m = volumes->makings;
        watch_stop(&m->watch);
        later_cancel(&m->later);
        if (m->pidfd >= 0) {
            close(m->pidfd);
            waitpid(m->pid, NULL, 0);
        }
        m->code = err_set(&m->error, ERR_CANCELLED, "the agent is stopping");
        making_finish(m);
    }
    free(volumes);
}

/* --- what is there --- */

bool volume_use(const struct volumes *volumes, const struct sandbox_id *id, uint64_t *used)
{
    char path[VOLUME_PATH_MAX];
    struct statvfs fs;
    volume_folder(volumes, id, 0, path);
    if (statvfs(path, &fs))
        return false;
    *used = (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_frsize;
    return true;
}

int volume_remove(struct volumes *volumes, const struct sandbox_id *id, struct err *e)
{
    char image[VOLUME_PATH_MAX], path[VOLUME_PATH_MAX];
    image_path(volumes, id, image);
    mount_path(volumes, id, path);
    /* Whoever still looks into it keeps the space, not the name. */
    while (!umount2(path, MNT_DETACH))
        ;
    if (rmdir(path) && errno != ENOENT)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (unlink(image) && errno != ENOENT)
        return err_set(e, ERR_IO, "%s: %s", image, strerror(errno));
    return 0;
}

size_t volume_list(const struct volumes *volumes, struct sandbox_id **ids)
{
    size_t count = 0;
    *ids = NULL;
    DIR *dir = opendir(volumes->dir);
    if (!dir)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char name[SANDBOX_ID_LEN + 1];
        struct sandbox_id id;
        snprintf(name, sizeof name, "%.*s", SANDBOX_ID_LEN, entry->d_name);
        if (!sandbox_id_parse(name, &id))
            continue;
        *ids = mem_grow(*ids, count + 1, sizeof **ids);
        (*ids)[count++] = id;
    }
    closedir(dir);
    return count;
}
