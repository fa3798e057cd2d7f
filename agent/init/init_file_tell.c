#include "agent/init/init_file_int.h"

#include <errno.h>
#include <unistd.h>

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
