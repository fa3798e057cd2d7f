#include "agent/init/init_file_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/sendfile.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PIECE (256u << 10)

int init_file_print(int out, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len) {
        ssize_t n = write(out, at, len);
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

/* Prints through a buffer what the kernel cannot pass on by itself. */
static int print_by_reading(int fd, off_t *at, uint64_t *left, int out)
{
    static char bytes[65536];
    while (*left) {
        size_t some = *left < sizeof bytes ? (size_t)*left : sizeof bytes;
        ssize_t n = pread(fd, bytes, some, *at);
        if (n < 0)
            return errno;
        if (n == 0)
            return 0;
        int error = init_file_print(out, bytes, (size_t)n);
        if (error)
            return error;
        *at += n;
        *left -= *left == INIT_FILE_ENDLESS ? 0 : (uint64_t)n;
    }
    return 0;
}

int init_file_send(int fd, off_t *at, uint64_t *left, int out)
{
    while (*left && *left != INIT_FILE_ENDLESS) {
        ssize_t n = sendfile(out, fd, at, *left < PIECE ? (size_t)*left : PIECE);
        if (n < 0)
            return errno == EINVAL || errno == ENOSYS ? print_by_reading(fd, at, left, out) : errno;
        if (n == 0)
            return 0;
        *left -= (uint64_t)n;
    }
    return print_by_reading(fd, at, left, out);
}

bool init_file_has_no_size(int fd)
{
    static const long systems[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC};
    struct statfs st;
    if (fstatfs(fd, &st) != 0)
        return false;
    for (size_t i = 0; i < sizeof systems / sizeof systems[0]; i++) {
        if ((long)st.f_type == systems[i])
            return true;
    }
    return false;
}

enum init_file_type init_file_type_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return INIT_FILE_REGULAR;
    case S_IFDIR:
        return INIT_FILE_FOLDER;
    case S_IFLNK:
        return INIT_FILE_SYMLINK;
    case S_IFIFO:
        return INIT_FILE_FIFO;
    case S_IFSOCK:
        return INIT_FILE_SOCKET;
    case S_IFBLK:
        return INIT_FILE_BLOCK_DEVICE;
    default:
        return INIT_FILE_CHARACTER_DEVICE;
    }
}

/* A file may have any time: some file systems keep 64 bits of seconds. */
int64_t init_file_modified_ms(const struct stat *st)
{
    if (st->st_mtim.tv_sec > INIT_FILE_TIME_MAX / 1000)
        return INIT_FILE_TIME_MAX;
    if (st->st_mtim.tv_sec < -INIT_FILE_TIME_MAX / 1000)
        return -INIT_FILE_TIME_MAX;
    return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

void init_file_describe(const struct stat *st, struct init_file_result *out)
{
    out->type = init_file_type_of(st->st_mode);
    out->mode = st->st_mode & 07777;
    out->size = (uint64_t)st->st_size;
    out->modified_ms = init_file_modified_ms(st);
}

int init_file_open(const char *path, int *fd, struct stat *st)
{
    if (stat(path, st) != 0)
        return errno;
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
        return ENXIO;
    *fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (*fd < 0)
        return errno;
    int error = fstat(*fd, st) ? errno : S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) ? 0 : ENXIO;
    if (error)
        close(*fd);
    return error;
}
