/* Unpacking an archive into a folder. No member gets out of it: each path is walked from the folder down, and
 * no symbolic link is followed on the way. */
#include "agent/init/init_file_int.h"
#include "agent/init/init_tar.h"
#include "agent/init/init_unzip.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDERS_MAX (8u << 20) /* bytes of what is remembered of folders */

/* A folder whose mode and time are set when all is in it. */
struct late {
    size_t path; /* in the paths */
    uint32_t mode;
    struct timespec modified;
};

struct unpack {
    int root;
    int folder; /* of the last member; -1: none */
    char folder_path[INIT_TAR_PATH_MAX + 1];
    struct late *late;
    size_t late_count, late_room;
    char *paths;
    size_t paths_len, paths_room;
    struct init_tar tar;
};

/* --- on the way --- */

/* What is in the way of a folder of this name. */
static int no_folder(int above, const char *name)
{
    struct stat st;
    if (fstatat(above, name, &st, AT_SYMLINK_NOFOLLOW))
        return errno;
    return S_ISLNK(st.st_mode) ? INIT_FAULT_THROUGH_LINK : EEXIST;
}

static int enter(int above, const char *name, bool make, int *out)
{
    for (int tries = 0;; tries++) {
        *out = openat(above, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (*out >= 0)
            return 0;
        if (errno == ENOTDIR || errno == ELOOP)
            return no_folder(above, name);
        if (errno != ENOENT || !make || tries)
            return errno;
        if (mkdirat(above, name, 0755) != 0 && errno != EEXIST)
            return errno;
    }
}

/* Opens the folder at a path below root, of len bytes; the caller closes it. */
static int walk(int root, const char *path, size_t len, bool make, int *out)
{
    char name[NAME_MAX + 1];
    const char *end = path + len;
    *out = fcntl(root, F_DUPFD_CLOEXEC, 3);
    if (*out < 0)
        return errno;
    while (path < end) {
        size_t n = strcspn(path, "/");
        int below = -1, error = n > NAME_MAX ? ENAMETOOLONG : 0;
        if (!error) {
            memcpy(name, path, n);
            name[n] = 0;
            error = enter(*out, name, make, &below);
        }
        close(*out);
        *out = below;
        if (error)
            return error;
        path += n + 1;
    }
    return 0;
}

/* The length of the folder's part of a path, and its last name. */
static size_t split(const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    return slash ? (size_t)(slash - path) : 0;
}

/* Opens the folder that a member is in: mostly that of the one before. */
static int open_folder(struct unpack *u, const char *path, const char **name)
{
    size_t len = split(path, name);
    if (u->folder >= 0 && strlen(u->folder_path) == len && !memcmp(u->folder_path, path, len))
        return 0;
    if (u->folder >= 0)
        close(u->folder);
    int error = walk(u->root, path, len, true, &u->folder);
    if (error) {
        u->folder = -1;
        return error;
    }
    memcpy(u->folder_path, path, len);
    u->folder_path[len] = 0;
    return 0;
}

/* --- folders --- */

static struct timespec time_of(const struct init_tar_member *m)
{
    return (struct timespec){.tv_sec = (time_t)m->modified_s, .tv_nsec = (long)m->modified_ns};
}

/* One that its owner may not read, such as one of mode 0000, has its mode changed by name first. */
static int open_to_set(int above, const char *name)
{
    const int how = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    char link[40];
    int fd = openat(above, name, O_RDONLY | how);
    if (fd >= 0 || errno != EACCES)
        return fd;
    int there = openat(above, name, O_PATH | how);
    if (there < 0)
        return -1;
    snprintf(link, sizeof link, "/proc/self/fd/%d",
             there); /* the folder itself, whatever its name leads to */
    fd = chmod(link, 0700) ? -1 : openat(there, ".", O_RDONLY | how);
    close(there);
    return fd;
}

/* A folder that is another's, such as one of the image, keeps what it has. */
static void set_folder(int above, const char *name, uint32_t mode, struct timespec modified)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, modified};
    int fd = open_to_set(above, name);
    if (fd < 0)
        return;
    (void)futimens(fd, times);
    (void)fchmod(fd, mode & INIT_FILE_MODE_BITS);
    close(fd);
}

/* False: there is no room to remember it. */
static bool remember(struct unpack *u, const struct init_tar_member *m)
{
    size_t len = strlen(m->path) + 1;
    if (u->paths_len + len + (u->late_count + 1) * sizeof *u->late > FOLDERS_MAX)
        return false;
    if (u->paths_len + len > u->paths_room) {
        size_t room = 2 * (u->paths_len + len);
        char *paths = realloc(u->paths, room);
        if (!paths)
            return false;
        u->paths = paths;
        u->paths_room = room;
    }
    if (u->late_count == u->late_room) {
        size_t room = u->late_room ? 2 * u->late_room : 64;
        struct late *late = realloc(u->late, room * sizeof *late);
        if (!late)
            return false;
        u->late = late;
        u->late_room = room;
    }
    memcpy(u->paths + u->paths_len, m->path, len);
    u->late[u->late_count++] = (struct late){u->paths_len, m->mode, time_of(m)};
    u->paths_len += len;
    return true;
}

static int by_depth(const void *a, const void *b, void *arg)
{
    const struct unpack *u = arg;
    const struct late *first = a, *second = b;
    size_t p = strlen(u->paths + first->path), q = strlen(u->paths + second->path);
    if (p != q)
        return p > q ? -1 : 1;
    return first->path < second->path ? -1 : first->path > second->path; /* the last of one path wins */
}

/* Those below others first: one that nobody may enter is set when nothing in it is to be set any more. */
static void set_folders(struct unpack *u)
{
    const char *name;
    if (u->late_count)
        qsort_r(u->late, u->late_count, sizeof *u->late, by_depth, u);
    for (size_t i = 0; i < u->late_count; i++) {
        const struct late *late = &u->late[i];
        const char *path = u->paths + late->path;
        int above, error = walk(u->root, path, split(path, &name), false, &above);
        if (!error)
            set_folder(above, *name ? name : ".", late->mode, late->modified);
        if (above >= 0)
            close(above);
    }
}

/* What follows can be put into it. */
static int put_folder(struct unpack *u, const struct init_tar_member *m, const char *name)
{
    struct stat st;
    int fd, error = enter(u->folder, name, true, &fd);
    if (error)
        return error;
    bool keeps_out = !fstat(fd, &st) && (st.st_mode & 0700) != 0700;
    close(fd);
    if (!remember(u, m) || keeps_out)
        set_folder(u->folder, name, m->mode | 0700, time_of(m));
    return 0;
}

/* --- others --- */

static int copy_bytes(struct unpack *u, int fd)
{
    static char bytes[131072];
    size_t got;
    for (;;) {
        int error = init_tar_data(&u->tar, bytes, sizeof bytes, &got);
        if (!error && got)
            error = init_file_print(fd, bytes, got);
        if (error || !got)
            return error;
    }
}

static int put_file(struct unpack *u, const struct init_tar_member *m, const char *name)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, time_of(m)};
    struct init_file_draft draft;
    int error = init_file_draft_open(&draft, u->folder);
    if (error)
        return error;
    error = copy_bytes(u, draft.fd);
    if (!error && fchmod(draft.fd, m->mode & INIT_FILE_MODE_BITS))
        error = errno;
    if (!error) {
        (void)futimens(draft.fd, times); /* a time that the file system does not have is none */
        error = init_file_draft_place(&draft, u->folder, name);
    }
    init_file_draft_close(&draft);
    return error;
}

/* Makes room for what replaces nothing by itself. */
static int make_room(int folder, const char *name)
{
    return unlinkat(folder, name, 0) && errno != ENOENT ? errno : 0;
}

static int put_symlink(const struct unpack *u, const struct init_tar_member *m, const char *name)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, time_of(m)};
    int error = symlinkat(m->target, u->folder, name) ? errno : 0;
    if (error == EEXIST && !(error = make_room(u->folder, name)))
        error = symlinkat(m->target, u->folder, name) ? errno : 0;
    if (!error)
        (void)utimensat(u->folder, name, times, AT_SYMLINK_NOFOLLOW);
    return error;
}

/* The member that it is a link to, or what else is there in the folder. */
static int find_target(const struct unpack *u, const char *path, int *folder, const char **name,
                       struct stat *st)
{
    int error = walk(u->root, path, split(path, name), false, folder);
    if (!error && fstatat(*folder, *name, st, AT_SYMLINK_NOFOLLOW))
        error = errno;
    if (!error && !S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode))
        error = INIT_FAULT_LINK;
    return error == ENOENT || error == ENOTDIR ? INIT_FAULT_LINK : error;
}

static int put_hard_link(const struct unpack *u, const struct init_tar_member *m, const char *name)
{
    const char *target;
    struct stat st, there;
    int folder = -1, error = find_target(u, m->target, &folder, &target, &st);
    bool same = !error && !fstatat(u->folder, name, &there, AT_SYMLINK_NOFOLLOW) &&
                there.st_dev == st.st_dev && there.st_ino == st.st_ino;
    if (!error && !same) {
        error = linkat(folder, target, u->folder, name, 0) ? errno : 0;
        if (error == EEXIST && !(error = make_room(u->folder, name)))
            error = linkat(folder, target, u->folder, name, 0) ? errno : 0;
    }
    if (folder >= 0)
        close(folder);
    return error;
}

static int put_member(struct unpack *u, const struct init_tar_member *m, bool made)
{
    const char *name;
    if (m->type == INIT_TAR_DEVICE)
        return 0;
    if (!m->path[0]) { /* the folder itself: one that was there keeps what it has */
        if (made)
            (void)remember(u, m);
        return 0;
    }
    int error = open_folder(u, m->path, &name);
    if (error)
        return error;
    switch (m->type) {
    case INIT_TAR_FOLDER:
        return put_folder(u, m, name);
    case INIT_TAR_SYMLINK:
        return put_symlink(u, m, name);
    case INIT_TAR_HARD_LINK:
        return put_hard_link(u, m, name);
    default:
        return put_file(u, m, name);
    }
}

/* --- all --- */

static int open_root(const char *path, struct unpack *u, struct init_file_result *out)
{
    int error = init_file_mkdir(path, INIT_FILE_NO_MODE, out);
    if (!error && (u->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
        error = errno;
    return error;
}

/* The folder is made once there is a first member: what is no archive at all leaves nothing. */
static int put_all(const char *path, struct unpack *u, struct init_file_result *out)
{
    struct init_tar_member m;
    int error = init_tar_next(&u->tar, &m);
    if (!error || error == INIT_TAR_END) {
        int rc = open_root(path, u, out);
        if (rc)
            return rc;
    }
    while (!error) {
        error = put_member(u, &m, out->created);
        if (!error)
            error = init_tar_next(&u->tar, &m);
    }
    if (u->root >= 0)
        set_folders(u);
    return error == INIT_TAR_END ? 0 : error;
}

int init_file_unpack(const char *path, int in, struct init_file_result *out)
{
    struct unpack *u = calloc(1, sizeof *u);
    struct init_unzip *zip = init_unzip_open(in);
    int error = u && zip ? 0 : ENOMEM;
    (void)fcntl(in, F_SETPIPE_SZ, 256 << 10);
    if (!error) {
        u->root = u->folder = -1;
        u->tar.read = init_unzip_read;
        u->tar.arg = zip;
        error = put_all(path, u, out);
        if (error && (u->root >= 0 || error >= INIT_FAULT_NO_ARCHIVE))
            out->size = u->tar.members;
        if (!error && (error = init_unzip_drain(zip)))
            out->size = 0; /* it is of no member */
        if (u->folder >= 0)
            close(u->folder);
        if (u->root >= 0)
            close(u->root);
        free(u->late);
        free(u->paths);
    }
    if (zip)
        init_unzip_close(zip);
    free(u);
    return error;
}
