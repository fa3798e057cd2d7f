#include "agent/init/init_copy.h"

#include "agent/init/init_twins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEPT_BITS 01777 /* mode bits that are copied: not setuid and setgid */
#define PIECE     (1 << 20)

/* One folder that a disk is mounted over. */
struct copying {
    int top;             /* the destination folder */
    struct twins twins;  /* the files copied so far that have several names */
    char path[PATH_MAX]; /* of what is being copied, relative to top */
    size_t len;          /* of the current folder, with a slash; the size of path if that is longer */
};

void init_copy_init(struct init_copy *copy)
{
    *copy = (struct init_copy){.result_fd = -1};
}

/* Errors that mean: the sandbox's user cannot read it, so it is left out, as under Docker. */
static bool hidden(int error)
{
    return error == EACCES || error == ENOENT || error == ELOOP || error == ENOTDIR || error == ENXIO;
}

static int close_with(int fd, int error)
{
    close(fd);
    return error;
}

static int keep_looks(int fd, const struct stat *st)
{
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (fchmod(fd, st->st_mode & KEPT_BITS) || futimens(fd, times))
        return errno;
    return 0;
}

/* Copies from offset *at up to the next hole, which stays a hole. */
static int copy_piece(int from, int to, off_t *at)
{
    off_t data = lseek(from, *at, SEEK_DATA);
    if (data < 0)
        return errno; /* ENXIO: no more data */
    off_t hole = lseek(from, data, SEEK_HOLE);
    if (hole < 0 || lseek(to, data, SEEK_SET) < 0)
        return errno;
    for (*at = data; *at < hole;) {
        size_t size = hole - *at < PIECE ? (size_t)(hole - *at) : PIECE;
        ssize_t n = sendfile(to, from, at, size);
        if (n < 0)
            return errno;
        if (n == 0)
            return ENXIO;
    }
    return 0;
}

static int copy_bytes(int from, int to, off_t size)
{
    off_t at = 0;
    int error = 0;
    while (!error && at < size)
        error = copy_piece(from, to, &at);
    if (error && error != ENXIO)
        return error;
    return ftruncate(to, size) ? errno : 0;
}

/* The path of an entry here; NULL: too long. It consists of copied folders and contains no links. */
static const char *path_of(struct copying *c, const char *name)
{
    size_t len = strlen(name);
    if (c->len + len + 1 > sizeof c->path)
        return NULL;
    memcpy(c->path + c->len, name, len + 1);
    return c->path;
}

/* Links the entry to an earlier copy of the same file. */
static bool link_twin(struct copying *c, const struct stat *st, int to_dir, const char *name)
{
    const char *first = st->st_nlink > 1 ? twins_find(&c->twins, st->st_dev, st->st_ino) : NULL;
    return first && (!linkat(c->top, first, to_dir, name, 0) || errno == EEXIST);
}

static int copy_file(struct copying *c, int from_dir, int to_dir, const char *name)
{
    struct stat st;
    int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (from < 0)
        return hidden(errno) ? 0 : errno;
    if (fstat(from, &st) || !S_ISREG(st.st_mode))
        return close_with(from, 0);
    if (link_twin(c, &st, to_dir, name))
        return close_with(from, 0);
    int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return close_with(from, errno == EEXIST ? 0 : errno);
    int error = copy_bytes(from, to, st.st_size);
    if (!error)
        error = keep_looks(to, &st);
    if (!error && st.st_nlink > 1 && path_of(c, name))
        twins_add(&c->twins, st.st_dev, st.st_ino, c->path);
    return close_with(to, close_with(from, error));
}

static int copy_link(int from_dir, int to_dir, const char *name)
{
    char target[4097];
    ssize_t n = readlinkat(from_dir, name, target, sizeof target - 1);
    if (n < 0)
        return hidden(errno) ? 0 : errno;
    target[n] = 0;
    return symlinkat(target, to_dir, name) && errno != EEXIST ? errno : 0;
}

static int copy_pipe(int to_dir, const char *name, mode_t mode)
{
    return mkfifoat(to_dir, name, mode & 0777) && errno != EEXIST ? errno : 0;
}

static int copy_folder(struct copying *c, int from, int to);

/* Copies a folder, with path extended by its name. Takes from. */
static int copy_below(struct copying *c, int from, int to, const char *name)
{
    size_t len = c->len;
    const char *path = path_of(c, name);
    c->len = path && len + strlen(name) + 2 <= sizeof c->path ? len + strlen(name) + 1 : sizeof c->path;
    if (c->len < sizeof c->path)
        c->path[c->len - 1] = '/';
    int error = copy_folder(c, from, to);
    c->len = len;
    return error;
}

static int copy_subfolder(struct copying *c, int from_dir, int to_dir, const char *name)
{
    int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (from < 0)
        return hidden(errno) ? 0 : errno;
    bool is_new = !mkdirat(to_dir, name, 0700);
    if (!is_new && errno != EEXIST)
        return close_with(from, errno);
    int to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0)
        return close_with(from, errno == ENOTDIR || errno == ELOOP ? 0 : errno); /* something else is there */
    if (fstat(from, &st))
        return close_with(to, close_with(from, errno));
    int error = copy_below(c, from, to, name);
    if (!error && is_new)
        error = keep_looks(to, &st);
    return close_with(to, error);
}

static int copy_entry(struct copying *c, int from, int to, const char *name)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW))
        return hidden(errno) ? 0 : errno;
    switch (st.st_mode & S_IFMT) {
    case S_IFREG:
        return copy_file(c, from, to, name);
    case S_IFDIR:
        return copy_subfolder(c, from, to, name);
    case S_IFLNK:
        return copy_link(from, to, name);
    case S_IFIFO:
        return copy_pipe(to, name, st.st_mode);
    default:
        return 0;
    }
}

static bool is_dots(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..");
}

/* Takes from. */
static int copy_folder(struct copying *c, int from, int to)
{
    DIR *dir = fdopendir(from);
    int error = 0;
    if (!dir)
        return close_with(from, errno);
    for (struct dirent *entry; !error;) {
        errno = 0;
        if (!(entry = readdir(dir))) {
            error = errno;
            break;
        }
        if (!is_dots(entry->d_name))
            error = copy_entry(c, dirfd(dir), to, entry->d_name);
    }
    closedir(dir);
    return error;
}

/* Symlinks in the path are resolved within the image, as they are where the disk is mounted. */
static int open_in_image(int tree, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};
    return (int)syscall(SYS_openat2, tree, path, &how, sizeof how);
}

/* Whether a link led to the root, which is read-only in a sandbox and must not be mounted over. */
static bool is_root(int fd)
{
    struct stat st, root;
    return !fstat(fd, &st) && !stat("/", &root) && st.st_dev == root.st_dev && st.st_ino == root.st_ino;
}

static int copy_up(int tree, const char *path)
{
    int from = open_in_image(tree, path);
    if (from < 0)
        return hidden(errno) ? 0 : errno;
    int to = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    if (to < 0 || fstat(from, &st))
        return close_with(from, errno);
    if (is_root(to))
        return close_with(to, close_with(from, EBUSY));
    struct copying c = {.top = to};
    int error = copy_folder(&c, from, to);
    twins_fini(&c.twins);
    st.st_mode |= S_IRWXU; /* its user may enter it, whatever the mode in the image */
    return close_with(to, error ? error : keep_looks(to, &st));
}

static struct init_copied copy_all(int tree, const uint8_t *folders, size_t len)
{
    struct init_copied result = {0};
    for (const char *at = (const char *)folders, *end = at + len; at < end; at += strlen(at) + 1) {
        result.error = (uint32_t)copy_up(tree, at);
        if (result.error)
            break;
        result.folder++;
    }
    return result;
}

static void end(struct init_copy *copy, struct init_copied result)
{
    copy->result = result;
    copy->over = true;
}

static void copy_in_child(struct init_copy *copy, const int fds[2], int tree, const uint8_t *folders,
                          size_t len)
{
    pid_t pid = fork();
    if (pid < 0) { /* if it may have one process only, nothing else waits for the init */
        end(copy, copy_all(tree, folders, len));
        close(fds[0]);
        return;
    }
    if (pid == 0) {
        struct init_copied result = copy_all(tree, folders, len);
        ssize_t n = write(fds[1], &result, sizeof result);
        _exit(n == (ssize_t)sizeof result ? 0 : 1);
    }
    copy->result_fd = fds[0];
}

void init_copy_start(struct init_copy *copy, int tree, const uint8_t *folders, size_t len)
{
    int fds[2];
    copy->begun = true;
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        end(copy, (struct init_copied){.error = (uint32_t)errno});
    } else {
        copy_in_child(copy, fds, tree, folders, len);
        close(fds[1]);
    }
    close(tree);
}

void init_copy_read(struct init_copy *copy)
{
    struct init_copied result;
    ssize_t n = read(copy->result_fd, &result, sizeof result);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    close(copy->result_fd);
    copy->result_fd = -1;
    end(copy, n == (ssize_t)sizeof result ? result : (struct init_copied){.error = EIO});
}
