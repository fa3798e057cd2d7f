#include "agent/disk/volume.h"

#include "agent/disk/disk_form.h"
#include "agent/disk/loop_file.h"

#include "common/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXT4_SHUTDOWN _IOR('X', 125, uint32_t) /* fs/ext4/ext4.h; not in any user-space header */
#define LOOP_TRIES    16 /* other processes may take the free loop device that the kernel named */
#define BLOCK         4096u
#define KEPT_MAX      (16u << 20)
#define SMALL_PARTS   (448u << 10)

/* One job under way; on its thread it uses only the constant members of volumes, and forms. */
struct volume_job {
    struct volumes *volumes;
    struct sandbox_id id;
    uint64_t bytes;
    unsigned folders;
    struct string_list places;
    bool orphan; /* also release its loop devices */
    volume_cb *cb;
    void *arg;
};

struct volumes {
    struct worker *worker;
    char dir[VOLUME_PATH_MAX - 64];
    uint32_t owner;
    struct disk_forms forms;
};

int volumes_new(struct volumes **out, struct worker *worker, const char *dir, uint32_t owner, struct err *e)
{
    struct volumes *volumes = mem_zalloc(sizeof *volumes);
    if (strlen(dir) >= sizeof volumes->dir) {
        free(volumes);
        return err_set(e, ERR_CONFIG, "the state folder's path is too long: %s", dir);
    }
    strcpy(volumes->dir, dir);
    volumes->worker = worker;
    volumes->owner = owner;
    if ((mkdir(dir, 0711) && errno != EEXIST) || chmod(dir, 0711)) {
        int rc = err_set(e, ERR_IO, "%s: %s", dir, strerror(errno));
        free(volumes);
        return rc;
    }
    disk_forms_init(&volumes->forms);
    *out = volumes;
    return 0;
}

/* The folder of its image file, which is the only file in it. */
static void image_folder(const struct volumes *volumes, const struct sandbox_id *id,
                         char out[static VOLUME_PATH_MAX])
{
    snprintf(out, VOLUME_PATH_MAX, "%s/%s.img", volumes->dir, id->text);
}

static void image_path(const struct volumes *volumes, const struct sandbox_id *id,
                       char out[static VOLUME_PATH_MAX])
{
    snprintf(out, VOLUME_PATH_MAX, "%s/%s.img/" LOOP_FILE_NAME, volumes->dir, id->text);
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

/* --- making: file, mkfs or a copy of what it made before, loop device, mount --- */

/*
 * Every sandbox can read the path behind each loop device in /sys/block. The file is opened through a private
 * mount that begins at its folder and is attached nowhere, so the path is the same for all disks, and shows
 * neither the owner nor the place.
 */
static int open_image(const struct volume_job *job)
{
    char folder[VOLUME_PATH_MAX];
    image_folder(job->volumes, &job->id, folder);
    int tree = open_tree(AT_FDCWD, folder, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    int file = tree < 0 ? -1 : openat(tree, LOOP_FILE_NAME, O_RDWR | O_CLOEXEC);
    int why = errno;
    if (tree >= 0)
        close(tree);
    errno = why;
    return file;
}

/*
 * Attaches the file to a free loop device, which the kernel releases with its last user. Uses direct I/O: on
 * cgroup v2 the host's page cache would be charged to the sandbox too, and its writes then stopped for 4 s at
 * a time (Linux 6.1: 300 MB at 256 MiB took 35 to 43 s, 12 to 14 with direct I/O).
 */
static int loop_attach(const struct volume_job *job, int image, char device[32])
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
        loop_file_label(job->volumes->dir, &job->id, (char *)config.info.lo_file_name);
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

static int mount_it(const struct volume_job *job, struct err *e)
{
    char path[VOLUME_PATH_MAX], device[32];
    mount_path(job->volumes, &job->id, path);
    int file = open_image(job);
    int fd = file < 0 ? -1 : loop_attach(job, file, device);
    int rc = fd < 0 || mkdir(path, 0711) ||
             mount(device, path, "ext4", MS_NOSUID | MS_NODEV | MS_NOATIME, "discard");
    if (rc)
        rc = err_set(e, ERR_IO, "the sandbox's disk cannot be mounted: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    if (file >= 0)
        close(file);
    return rc;
}

static int make_folder(const struct volume_job *job, const char *path)
{
    return mkdir(path, 0755) || chown(path, job->volumes->owner, job->volumes->owner);
}

/* The disk is still without any file of the tenant, so no part of the path can be a link. */
static int make_place(const struct volume_job *job, const char *place)
{
    char path[VOLUME_PATH_MAX + 1024];
    mount_path(job->volumes, &job->id, path);
    size_t len = strlen(path);
    for (const char *at = place; *at;) {
        size_t part = strcspn(at, "/");
        if (len + part + 2 > sizeof path)
            return errno = ENAMETOOLONG;
        len += (size_t)snprintf(path + len, sizeof path - len, "/%.*s", (int)part, at);
        if (at > place && make_folder(job, path) && errno != EEXIST)
            return errno;
        at += part + (at[part] == '/');
    }
    return 0;
}

/* If the host's own disk is full, the error is EIO here. ENOSPC or ENAMETOOLONG means that the image's
 * folders do not fit on the sandbox's disk. */
static int not_filled(int error, struct err *e)
{
    if (error == ENOSPC || error == ENAMETOOLONG)
        return err_set(e, ERR_IMAGE_UNAVAILABLE, "the folders of its image's volumes do not fit on its disk");
    return err_set(e, ERR_IO, "the sandbox's disk cannot be filled: %s", strerror(error));
}

static int make_folders(const struct volume_job *job, struct err *e)
{
    char path[VOLUME_PATH_MAX];
    for (unsigned i = 0; i < job->folders; i++) {
        volume_folder(job->volumes, &job->id, i, path);
        if (make_folder(job, path))
            return not_filled(errno, e);
    }
    for (size_t i = 0; i < job->places.count; i++) {
        if (make_place(job, job->places.item[i]))
            return not_filled(errno, e);
    }
    return 0;
}

/* All zero. The descriptor, or an error. */
static int make_file(const char *path, uint64_t size, struct err *e)
{
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 && !ftruncate(fd, (off_t)size))
        return fd;
    int rc = err_set(e, ERR_IO, "the sandbox's disk cannot be made: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

/*
 * The size of the file that leaves `bytes` for the sandbox: it adds inodes (256 bytes per 8 KiB), the maps of
 * the block groups, and the blocks that ext4 reserves for itself (2 %, at most 16 MiB). Measured with
 * e2fsprogs 1.47: 100 to 101 % of bytes can be written from 64 MiB on, and at most 0.5 MiB more below.
 */
static uint64_t file_size(uint64_t bytes)
{
    uint64_t kept = bytes / 48 < KEPT_MAX ? bytes / 48 : KEPT_MAX;
    uint64_t size = bytes + bytes / 31 + bytes / 4096 + kept + SMALL_PARTS;
    return (size + BLOCK - 1) / BLOCK * BLOCK;
}

/* Discards the program's output; unblocks the signals that the calling thread blocks. */
static int spawn(char *const *argv, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    int rc = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return rc;
}

/* Without a journal: after a crash of the host, the content is not needed. */
static int format(const struct volumes *volumes, char *path, struct err *e)
{
    char options[96], name[] = "mkfs.ext4", quiet[] = "-q", force[] = "-F", o[] = "-O",
                      features[] = "^has_journal,^resize_inode";
    char extended[] = "-E", reserve[] = "-m", none[] = "0", block[] = "-b", block_bytes[] = "4096",
         inodes[] = "-i", inode_each[] = "8192";
    snprintf(options, sizeof options, "lazy_itable_init=1,nodiscard,root_owner=%u:%u", volumes->owner,
             volumes->owner);
    char *argv[] = {name, quiet, force,       o,      features,   extended, options, reserve,
                    none, block, block_bytes, inodes, inode_each, path,     NULL};
    pid_t pid;
    int status, rc = spawn(argv, &pid);
    if (rc)
        return err_set(e, ERR_IO, "mkfs.ext4 cannot be run: %s", strerror(rc));
    if (waitpid(pid, &status, 0) != pid || status)
        return err_set(e, ERR_IO, "mkfs.ext4 failed on the sandbox's disk");
    return 0;
}

/* A failed copy may have left a part, which mkfs would not overwrite. */
static int make_image(struct volumes *volumes, char *path, uint64_t bytes, struct err *e)
{
    uint64_t size = file_size(bytes);
    int rc = 0, fd = make_file(path, size, e);
    if (fd < 0)
        return fd;
    if (!disk_forms_copy(&volumes->forms, size, fd)) {
        if (ftruncate(fd, 0) || ftruncate(fd, (off_t)size))
            rc = err_set(e, ERR_IO, "the sandbox's disk cannot be made: %s", strerror(errno));
        if (!rc)
            rc = format(volumes, path, e);
        if (!rc)
            disk_forms_keep(&volumes->forms, size, fd, volumes->dir);
    }
    close(fd);
    return rc;
}

/* --- removing --- */

/*
 * Shuts the file system down without writing it back, since its content is not needed: the write-back would
 * block the caller until the disk has taken all dirty pages (measured: 4.9 s for 800 MB, which blocked the
 * guard's loop too).
 */
static void abandon(const struct volumes *volumes, const char *path)
{
    uint32_t without_flush = 2;
    struct stat inside, outside;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* If it is not mounted, this would shut down the host's own file system. */
    bool mounted = fd >= 0 && !fstat(fd, &inside) && !stat(volumes->dir, &outside) &&
                   inside.st_dev != outside.st_dev && major(inside.st_dev) == LOOP_MAJOR;
    if (mounted)
        (void)ioctl(fd, EXT4_SHUTDOWN, &without_flush); /* if it fails, unmounting only takes longer */
    if (fd >= 0)
        close(fd);
}

static int remove_it(const struct volumes *volumes, const struct sandbox_id *id, struct err *e)
{
    char image[VOLUME_PATH_MAX], path[VOLUME_PATH_MAX];
    image_path(volumes, id, image);
    mount_path(volumes, id, path);
    abandon(volumes, path);
    /* A process that still uses it keeps the space, but not the name. */
    while (!umount2(path, MNT_DETACH))
        ;
    if (rmdir(path) && errno != ENOENT)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (unlink(image) && errno != ENOENT && errno != ENOTDIR)
        return err_set(e, ERR_IO, "%s: %s", image, strerror(errno));
    image_folder(volumes, id, image);
    if (remove(image) && errno != ENOENT) /* an older agent used a file, not a folder */
        return err_set(e, ERR_IO, "%s: %s", image, strerror(errno));
    return 0;
}

/* --- jobs --- */

static int make_work(void *arg, struct err *e)
{
    const struct volume_job *job = arg;
    struct err ignored;
    char path[VOLUME_PATH_MAX], folder[VOLUME_PATH_MAX];
    image_path(job->volumes, &job->id, path);
    image_folder(job->volumes, &job->id, folder);
    int rc = remove_it(job->volumes, &job->id, e);
    if (!rc && mkdir(folder, 0700))
        rc = err_set(e, ERR_IO, "the sandbox's disk cannot be made: %s", strerror(errno));
    if (!rc)
        rc = make_image(job->volumes, path, job->bytes, e);
    if (!rc)
        rc = mount_it(job, e);
    if (!rc)
        rc = make_folders(job, e);
    if (rc && remove_it(job->volumes, &job->id, &ignored))
        return rc; /* a cleanup finds the rest by its name */
    return rc;
}

static int remove_work(void *arg, struct err *e)
{
    const struct volume_job *job = arg;
    int rc = remove_it(job->volumes, &job->id, e);
    if (!rc && job->orphan)
        loop_file_detach(job->volumes->dir, &job->id);
    return rc;
}

static void on_job(void *arg, int code, const struct err *e)
{
    struct volume_job job = *(struct volume_job *)arg;
    free(arg);
    string_list_fini(&job.places);
    job.cb(job.arg, code, e);
}

static struct volume_job *job_new(struct volumes *volumes, const struct sandbox_id *id, volume_cb *cb,
                                  void *arg)
{
    struct volume_job *job = mem_zalloc(sizeof *job);
    *job = (struct volume_job){.volumes = volumes, .id = *id, .cb = cb, .arg = arg};
    return job;
}

void volume_make(struct volumes *volumes, const struct sandbox_id *id, uint64_t bytes, unsigned folders,
                 const struct string_list *places, volume_cb *cb, void *arg)
{
    struct volume_job *job = job_new(volumes, id, cb, arg);
    job->bytes = bytes;
    job->folders = folders;
    for (size_t i = 0; places && i < places->count; i++)
        string_list_add(&job->places, places->item[i]);
    worker_do(volumes->worker, id, make_work, on_job, job);
}

void volume_remove(struct volumes *volumes, const struct sandbox_id *id, volume_cb *cb, void *arg)
{
    worker_do(volumes->worker, id, remove_work, on_job, job_new(volumes, id, cb, arg));
}

void volume_remove_orphan(struct volumes *volumes, const struct sandbox_id *id, volume_cb *cb, void *arg)
{
    struct volume_job *job = job_new(volumes, id, cb, arg);
    job->orphan = true;
    worker_do(volumes->worker, id, remove_work, on_job, job);
}

const char *volumes_dir(const struct volumes *volumes)
{
    return volumes->dir;
}

void volumes_free(struct volumes *volumes)
{
    if (!volumes)
        return;
    disk_forms_fini(&volumes->forms);
    free(volumes);
}

/* --- listing --- */

bool volume_device(const struct volumes *volumes, const struct sandbox_id *id,
                   char out[static VOLUME_PATH_MAX])
{
    char path[VOLUME_PATH_MAX], target[VOLUME_PATH_MAX - 4];
    struct stat st;
    mount_path(volumes, id, path);
    if (stat(path, &st))
        return false;
    snprintf(path, sizeof path, "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
    ssize_t n = readlink(path, target, sizeof target - 1);
    target[n > 0 ? n : 0] = 0;
    const char *name = strrchr(target, '/');
    if (!name || strncmp(name, "/loop", 5))
        return false;
    snprintf(out, VOLUME_PATH_MAX, "/dev%s", name);
    return true;
}

bool volume_use(const struct volumes *volumes, const struct sandbox_id *id, struct volume_use *use)
{
    char path[VOLUME_PATH_MAX];
    struct statvfs fs;
    volume_folder(volumes, id, 0, path);
    if (statvfs(path, &fs))
        return false;
    *use = (struct volume_use){.used_bytes = (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_frsize,
                               .inodes_used = fs.f_files - fs.f_ffree,
                               .inodes_limit = fs.f_files};
    return true;
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
        const char *rest = entry->d_name + strnlen(entry->d_name, SANDBOX_ID_LEN);
        snprintf(name, sizeof name, "%.*s", SANDBOX_ID_LEN, entry->d_name);
        if (!sandbox_id_parse(name, &id) || (*rest && strcmp(rest, ".img")))
            continue; /* not a name of ours */
        *ids = mem_grow(*ids, count + 1, sizeof **ids);
        (*ids)[count++] = id;
    }
    closedir(dir);
    return count;
}
