/*
 * Packing a tree as a tar archive, as it is found: links are not followed. What cannot be read is left out
 * and counted, and a block behind the end of the archive says so. A file keeps the size that its header
 * states: one that grows is cut, one that becomes shorter is filled up with zeros.
 */
#include "agent/init/init_file_int.h"
#include "agent/init/init_tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OPEN_MAX_ 32 /* folders that are open at once; those above are opened again by ".." */
#define LARGE     (64u << 10)

/* A folder on the way down. */
struct level {
    int fd; /* -1: closed meanwhile */
    dev_t device;
    ino_t inode;
    int64_t next; /* where its next entry is */
    size_t path_len;
};

struct entry {
    uint64_t inode;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[];
};

struct pack {
    int out;
    int error; /* nobody reads any more */
    uint64_t missing;
    struct level *levels;
    size_t depth, room;
    char path[INIT_TAR_PATH_MAX + 1];
    size_t path_len;
    char target[PATH_MAX];
    size_t len; /* of bytes that wait */
    char bytes[INIT_TAR_HEAD_MAX + 2 * LARGE];
};

/* --- bytes --- */

static void flush(struct pack *p)
{
    if (!p->error && p->len)
        p->error = init_file_print(p->out, p->bytes, p->len);
    p->len = 0;
}

/* Room for so many bytes, which the caller writes and adds to len. */
static char *room_for(struct pack *p, size_t len)
{
    if (sizeof p->bytes - p->len < len)
        flush(p);
    return p->bytes + p->len;
}

static void put_zeros(struct pack *p, uint64_t len)
{
    while (len && !p->error) {
        size_t some = len < LARGE ? (size_t)len : LARGE;
        memset(room_for(p, some), 0, some);
        p->len += some;
        len -= some;
    }
}

/* Small files go with their headers; of large ones the kernel passes the bytes on. */
static void put_bytes(struct pack *p, int fd, uint64_t size)
{
    uint64_t left = size;
    off_t at = 0;
    if (size > LARGE) {
        flush(p);
        int error = p->error ? 0 : init_file_send(fd, &at, &left, p->out);
        if (error == EPIPE)
            p->error = error;
    } else {
        while (left) {
            ssize_t n = pread(fd, room_for(p, LARGE), (size_t)left, at);
            if (n <= 0)
                break;
            p->len += (size_t)n;
            at += n;
            left -= (uint64_t)n;
        }
    }
    put_zeros(p, left + (-size % INIT_TAR_BLOCK));
}

/* --- members --- */

static void put_header(struct pack *p, enum init_tar_type type, const struct stat *st, uint64_t size)
{
    struct init_tar_member m = {.type = type,
                                .path = p->path,
                                .target = type == INIT_TAR_SYMLINK ? p->target : "",
                                .mode = st->st_mode & 07777,
                                .size = size,
                                .modified_s = st->st_mtim.tv_sec};
    char *to = room_for(p, INIT_TAR_HEAD_MAX);
    p->len += init_tar_format(&m, to);
}

/* A file of the kernel's states no size, and is told as empty. */
static void put_file(struct pack *p, int fd, const struct stat *st)
{
    uint64_t size = st->st_size > 0 && !init_file_has_no_size(fd) ? (uint64_t)st->st_size : 0;
    put_header(p, INIT_TAR_FILE, st, size);
    put_bytes(p, fd, size);
}

static void put_symlink(struct pack *p, int folder, const char *name, const struct stat *st)
{
    ssize_t n = readlinkat(folder, name, p->target, sizeof p->target);
    if (n <= 0 || (size_t)n >= sizeof p->target) {
        p->missing++;
        return;
    }
    p->target[n] = 0;
    put_header(p, INIT_TAR_SYMLINK, st, 0);
}

/* --- the tree --- */

static int identify(int fd, struct level *level)
{
    struct stat st;
    if (fstat(fd, &st))
        return errno;
    level->device = st.st_dev;
    level->inode = st.st_ino;
    return 0;
}

/* Goes into an open folder, which it keeps. */
static int push(struct pack *p, int fd)
{
    if (p->depth == p->room) {
        size_t room = p->room ? 2 * p->room : 64;
        struct level *levels = realloc(p->levels, room * sizeof *levels);
        if (!levels)
            return ENOMEM;
        p->levels = levels;
        p->room = room;
    }
    struct level *level = &p->levels[p->depth];
    *level = (struct level){.fd = fd, .path_len = p->path_len};
    int error = identify(fd, level);
    if (error)
        return error;
    p->depth++;
    if (p->depth > OPEN_MAX_) {
        struct level *above = &p->levels[p->depth - 1 - OPEN_MAX_];
        close(above->fd);
        above->fd = -1;
    }
    return 0;
}

/* Opens the folder above again. Somebody inside may have moved this one meanwhile: the way up is lost then.
 */
static bool reopen(struct level *above, int fd)
{
    struct level found = {0};
    above->fd = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (above->fd < 0)
        return false;
    if (!identify(above->fd, &found) && found.device == above->device && found.inode == above->inode &&
        lseek(above->fd, above->next, SEEK_SET) >= 0)
        return true;
    close(above->fd);
    above->fd = -1;
    return false;
}

/* What is above folders that cannot be returned to is missing, however much that is. */
static void pop(struct pack *p)
{
    struct level *level = &p->levels[--p->depth];
    struct level *above = p->depth ? level - 1 : NULL;
    if (above && above->fd < 0 && !reopen(above, level->fd)) {
        p->missing++;
        p->depth = 0;
    }
    close(level->fd);
    if (p->depth) {
        p->path_len = above->path_len;
        p->path[p->path_len] = 0;
    }
}

/* Another file system in the tree that the kernel makes up, such as /proc in /. */
static bool is_made_up(const struct pack *p, int fd, const struct stat *st)
{
    return p->depth && st->st_dev != p->levels[p->depth - 1].device && init_file_has_no_size(fd);
}

static void put_folder(struct pack *p, int fd, const struct stat *st)
{
    put_header(p, INIT_TAR_FOLDER, st, 0);
    if (is_made_up(p, fd, st)) {
        close(fd);
    } else if (push(p, fd)) {
        close(fd);
        p->missing++;
    }
}

/* Opens what it was found to be; a FIFO or a device that has taken its place is not waited for. */
static void put_opened(struct pack *p, int folder, const char *name, const struct stat *found)
{
    struct stat st;
    int fd = openat(folder, name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC |
                        (S_ISDIR(found->st_mode) ? O_DIRECTORY : 0));
    if (fd < 0 || fstat(fd, &st) || (st.st_mode & S_IFMT) != (found->st_mode & S_IFMT)) {
        if (fd >= 0)
            close(fd);
        p->missing++;
    } else if (S_ISDIR(st.st_mode)) {
        put_folder(p, fd, &st);
    } else {
        put_file(p, fd, &st);
        close(fd);
    }
}

static bool add_name(struct pack *p, const char *name)
{
    size_t len = strlen(name), slash = p->path_len > 0;
    if (p->path_len + slash + len >= INIT_TAR_PATH_MAX)
        return false;
    if (slash)
        p->path[p->path_len] = '/';
    memcpy(p->path + p->path_len + slash, name, len + 1);
    p->path_len += slash + len;
    return true;
}

/* FIFOs, sockets and devices are left out. One that is gone again was never there. */
static void put_entry(struct pack *p, int folder, const char *name)
{
    struct stat st;
    size_t depth = p->depth, len = p->path_len;
    if (!add_name(p, name)) {
        p->missing++;
        return;
    }
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
        p->missing += errno != ENOENT;
    else if (S_ISLNK(st.st_mode))
        put_symlink(p, folder, name, &st);
    else if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
        put_opened(p, folder, name, &st);
    if (p->depth == depth) { /* else this folder is the next to be read */
        p->path_len = len;
        p->path[len] = 0;
    }
}

/* Reads some entries of the deepest folder, until one is a folder that is gone into. */
static void read_some(struct pack *p)
{
    union {
        struct entry first; /* for its alignment */
        char bytes[4096];
    } read;
    size_t depth = p->depth;
    int fd = p->levels[depth - 1].fd;
    long n = syscall(SYS_getdents64, fd, read.bytes, sizeof read.bytes);
    if (n <= 0) {
        p->missing += n < 0;
        pop(p);
        return;
    }
    for (long at = 0; at < n && !p->error;) {
        const struct entry *e = (const void *)(read.bytes + at);
        at += e->size;
        p->levels[depth - 1].next = e->next;
        if (!strcmp(e->name, ".") || !strcmp(e->name, ".."))
            continue;
        put_entry(p, fd, e->name);
        if (p->depth == depth)
            continue;
        if (p->levels[depth - 1].fd >= 0 && lseek(fd, e->next, SEEK_SET) < 0)
            p->missing++; /* what it has left is read as far as it comes */
        return;
    }
}

/* Two blocks of zeros end an archive; what follows is passed over by programs that read it. */
static void put_end(struct pack *p)
{
    put_zeros(p, 2 * INIT_TAR_BLOCK);
    if (p->missing) {
        char *to = room_for(p, INIT_TAR_BLOCK);
        memset(to, 0, INIT_TAR_BLOCK);
        snprintf(to, INIT_TAR_BLOCK, INIT_FILE_MISSING "%llu\n", (unsigned long long)p->missing);
        p->len += INIT_TAR_BLOCK;
    }
    flush(p);
}

/* Of a file the last part of its path. */
static void take_base(struct pack *p, const char *path)
{
    size_t end = strlen(path);
    while (end && path[end - 1] == '/')
        end--;
    size_t from = end;
    while (from && path[from - 1] != '/')
        from--;
    memcpy(p->path, path + from, end - from);
    p->path[end - from] = 0;
}

void init_file_pack(const char *path, int fd, const struct stat *st, int out)
{
    struct pack *p = calloc(1, sizeof *p);
    if (!p) {
        close(fd);
        return;
    }
    p->out = out;
    if (S_ISDIR(st->st_mode)) {
        put_folder(p, fd, st);
    } else {
        take_base(p, path);
        put_file(p, fd, st);
        close(fd);
    }
    while (p->depth && !p->error)
        read_some(p);
    while (p->depth)
        pop(p);
    put_end(p);
    free(p->levels);
    free(p);
}
