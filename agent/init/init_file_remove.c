/* Removing and moving. */
#include "agent/init/init_file_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define PIECE (1u << 20)

/* A folder that is being emptied: its name in the one above, and who it is. */
struct emptied {
    char name[NAME_MAX + 1];
    dev_t device;
    ino_t inode;
};

/*
 * Goes through a tree of any depth with one descriptor: up goes "..", which must be the folder that it came
 * from, since somebody inside may move folders meanwhile.
 */
struct removal {
    int fd; /* the folder that is being emptied */
    struct emptied *way;
    size_t depth, room;
};

static int identify(int fd, struct emptied *out)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return errno;
    out->device = st.st_dev;
    out->inode = st.st_ino;
    return 0;
}

static int go_down(struct removal *r, const char *name)
{
    if (r->depth == r->room) {
        size_t room = r->room ? 2 * r->room : 64;
        struct emptied *way = realloc(r->way, room * sizeof *way);
        if (!way)
            return ENOMEM;
        r->way = way;
        r->room = room;
    }
    int fd = openat(r->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno;
    struct emptied *next = &r->way[r->depth];
    snprintf(next->name, sizeof next->name, "%s", name);
    int error = identify(fd, next);
    if (error) {
        close(fd);
        return error;
    }
    r->depth++;
    close(r->fd);
    r->fd = fd;
    return 0;
}

/* top: what is above the first folder. */
static int go_up(struct removal *r, const struct emptied *top)
{
    const struct emptied *above = r->depth > 1 ? &r->way[r->depth - 2] : top;
    struct emptied found = {0};
    int fd = openat(r->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    close(r->fd);
    r->fd = fd;
    int error = identify(fd, &found);
    if (!error && (found.device != above->device || found.inode != above->inode))
        error = EBUSY;
    if (!error && unlinkat(fd, r->way[r->depth - 1].name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        error = errno == ENOTEMPTY ? EBUSY : errno; /* somebody fills it */
    r->depth--;
    return error;
}

static int remove_one(int folder, const char *name)
{
    if (!unlinkat(folder, name, 0) || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return errno;
    int error = errno;
    if (!unlinkat(folder, name, AT_REMOVEDIR))
        return 0;
    return errno == ENOTDIR ? error : errno;
}

static bool is_entry(const char *name)
{
    return strcmp(name, ".") && strcmp(name, "..");
}

/* Removes entries until one is a folder with entries of its own, into which it goes down. *empty: there was
 * none. */
static int empty_some(struct removal *r, bool *empty)
{
    int error = 0, copy = openat(r->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;
    if (!dir) {
        error = errno;
        if (copy >= 0)
            close(copy);
        return error;
    }
    *empty = true;
    while (!error && *empty && (entry = readdir(dir))) {
        if (!is_entry(entry->d_name))
            continue;
        error = remove_one(r->fd, entry->d_name);
        if (error == ENOTEMPTY || error == EEXIST) {
            error = go_down(r, entry->d_name);
            *empty = false;
        }
    }
    closedir(dir);
    return error;
}

/* Takes folder, which holds the tree. */
static int remove_tree(int folder, const char *name)
{
    struct removal r = {.fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    struct emptied top = {0};
    bool empty;
    close(folder);
    if (r.fd < 0)
        return errno;
    int error = identify(r.fd, &top);
    if (!error)
        error = go_down(&r, name);
    while (!error && r.depth) {
        error = empty_some(&r, &empty);
        if (!error && empty)
            error = go_up(&r, &top);
    }
    close(r.fd);
    free(r.way);
    return error;
}

/* The place of something that must be there, whose last part may be a symbolic link. */
static int find_there(const char *path, struct init_file_place *place)
{
    int error = init_file_find_place(path, false, place);
    struct stat st;
    if (error == EISDIR)
        return EBUSY; /* "/", or a folder by its "." */
    if (error == EEXIST)
        return ENOENT; /* a part of the path is no folder */
    if (error)
        return error;
    if (!init_file_has_folder(place))
        error = ENOENT;
    else if (fstatat(place->folder, place->path, &st, AT_SYMLINK_NOFOLLOW))
        error = errno;
    if (error)
        close(place->folder);
    return error;
}

int init_file_remove(const char *path, bool recursive)
{
    struct init_file_place place;
    int error = find_there(path, &place);
    if (error)
        return error;
    error = remove_one(place.folder, place.path); /* first, since it tells of what something is mounted on */
    if (error == EEXIST)
        error = ENOTEMPTY;
    if (error == ENOTEMPTY && recursive)
        return remove_tree(place.folder, place.path);
    close(place.folder);
    return error;
}

/* --- moving --- */

static int copy_bytes(int from, int to, off_t size)
{
    for (off_t at = 0; at < size;) {
        ssize_t n = sendfile(to, from, &at, PIECE);
        if (n < 0)
            return errno;
        if (n == 0)
            return EBUSY; /* somebody shortens it */
    }
    return 0;
}

/* Between two mounts a file is copied, and appears as a whole. */
static int copy_over(const struct init_file_place *from, const struct init_file_place *to)
{
    struct init_file_draft draft;
    struct stat st;
    int fd = openat(from->folder, from->path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ELOOP ? EXDEV : errno;
    int error = fstat(fd, &st) ? errno : S_ISREG(st.st_mode) ? 0 : EXDEV;
    if (!error && !(error = init_file_draft_open(&draft, to->folder))) {
        struct timespec times[2] = {st.st_atim, st.st_mtim};
        error = copy_bytes(fd, draft.fd, st.st_size);
        if (!error && (fchmod(draft.fd, st.st_mode & INIT_FILE_MODE_BITS) || futimens(draft.fd, times)))
            error = errno;
        if (!error)
            error = init_file_draft_place(&draft, to->folder, to->path);
        init_file_draft_close(&draft);
    }
    close(fd);
    if (!error && unlinkat(from->folder, from->path, 0))
        error = errno;
    return error;
}

static bool is_regular(const struct init_file_place *place)
{
    struct stat st;
    return !fstatat(place->folder, place->path, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode);
}

static int move_to(const struct init_file_place *from, struct init_file_place *to)
{
    int error = init_file_make_folders(to);
    if (error)
        return error;
    if (!renameat(from->folder, from->path, to->folder, to->path))
        return 0;
    if (errno == ENOTDIR)
        return EEXIST; /* a folder, onto what is none */
    return errno == EXDEV && is_regular(from) ? copy_over(from, to) : errno;
}

int init_file_move(const char *from, const char *to)
{
    struct init_file_place a, b;
    int error = find_there(from, &a);
    if (error)
        return error;
    error = init_file_find_place(to, false, &b);
    if (!error) {
        error = move_to(&a, &b);
        if (b.folder >= 0)
            close(b.folder);
    }
    close(a.folder);
    return error;
}
