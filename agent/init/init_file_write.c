#include "agent/init/init_file_int.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FILE_MODE   0644
#define FOLDER_MODE 0755
#define PIPE_BYTES  (256 << 10)

/* What is at the place already. *there: something is, and st says what. */
static int look_at(const struct init_file_place *place, struct stat *st, bool *there)
{
    *there = false;
    if (!init_file_has_folder(place))
        return 0;
    *there = !fstatat(place->folder, place->path, st, AT_SYMLINK_NOFOLLOW);
    return *there || errno == ENOENT ? 0 : errno;
}

/*
 * The kernel moves what is in the pipe to the file, in one copy instead of two, as long as it does. Whether
 * that was all, or why it does not go on, a read and a write tell: gVisor says that the pipe has ended as
 * soon as it is empty.
 */
static void move_bytes(int in, int fd)
{
    ssize_t n;
    do
        n = splice(in, NULL, fd, NULL, PIPE_BYTES, SPLICE_F_MOVE);
    while (n > 0 || (n < 0 && errno == EINTR));
}

static int take_bytes(int in, int fd)
{
    static char bytes[131072];
    move_bytes(in, fd);
    for (;;) {
        ssize_t n = read(in, bytes, sizeof bytes);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return errno;
        int error = n > 0 ? init_file_print(fd, bytes, (size_t)n) : 0;
        if (error)
            return error;
    }
}

static int write_draft(struct init_file_place *place, struct init_file_draft *draft, uint32_t mode, int in,
                       struct init_file_result *out)
{
    struct stat st;
    int folder = place->folder;
    int error = take_bytes(in, draft->fd);
    if (!error && (fchmod(draft->fd, mode) || fstat(draft->fd, &st)))
        error = errno;
    if (error)
        return error;
    if ((place->folder = fcntl(folder, F_DUPFD_CLOEXEC, 3)) < 0)
        error = errno; /* making folders closes it, and the draft may be named in it */
    if (!error)
        error = init_file_make_folders(place);
    if (!error)
        error = init_file_draft_place(draft, place->folder, place->path);
    if (place->folder >= 0)
        close(place->folder);
    place->folder = folder;
    if (!error)
        init_file_describe(&st, out);
    return error;
}

int init_file_write(const char *path, uint32_t mode, int in, struct init_file_result *out)
{
    struct init_file_place place;
    struct init_file_draft draft;
    struct stat st;
    bool there;
    int error = init_file_find_place(path, true, &place);
    if (error)
        return error;
    error = look_at(&place, &st, &there);
    if (!error && there && !S_ISREG(st.st_mode))
        error = S_ISDIR(st.st_mode) ? EISDIR : ENXIO;
    if (!error && mode == INIT_FILE_NO_MODE)
        mode = there ? st.st_mode & INIT_FILE_MODE_BITS : FILE_MODE;
    if (!error && !(error = init_file_draft_open(&draft, place.folder))) {
        (void)fcntl(in, F_SETPIPE_SZ, PIPE_BYTES);
        error = write_draft(&place, &draft, mode, in, out);
        init_file_draft_close(&draft);
    }
    close(place.folder);
    out->created = !error && !there;
    return error;
}

int init_file_mkdir(const char *path, uint32_t mode, struct init_file_result *out)
{
    struct init_file_place place;
    struct stat st;
    int error = init_file_find_place(path, true, &place);
    if (error == EISDIR) /* such as "/" and "/tmp/..", which are there */
        return stat(path, &st) ? errno : (init_file_describe(&st, out), 0);
    if (error)
        return error;
    error = init_file_make_folders(&place);
    bool made = !error && !mkdirat(place.folder, place.path, FOLDER_MODE);
    if (!error && !made && errno != EEXIST)
        error = errno;
    if (!error && mode != INIT_FILE_NO_MODE && made && fchmodat(place.folder, place.path, mode, 0))
        error = errno;
    if (!error && fstatat(place.folder, place.path, &st, 0))
        error = errno;
    if (!error && !S_ISDIR(st.st_mode))
        error = EEXIST;
    if (!error)
        init_file_describe(&st, out);
    out->created = made;
    close(place.folder);
    return error;
}
