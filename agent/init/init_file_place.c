/* Where a path leads, and how what is not there yet gets its name. */
#include "agent/init/init_file_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel has it */

static int with_closed(int fd, int error)
{
    close(fd);
    return error;
}

/* Cuts the first part off; returns what follows it, "" if it was the last. */
static char *cut_part(char *path)
{
    char *end = path + strcspn(path, "/");
    if (*end)
        *end++ = 0;
    return end + strspn(end, "/");
}

static bool is_name(const char *part)
{
    return part[0] && strcmp(part, ".") && strcmp(part, "..");
}

/* A part is missing: the parts from there on are to be made. */
static int stop_at(struct init_file_place *p, const char *part, const char *rest)
{
    struct stat st;
    char missing[PATH_MAX];
    if (!fstatat(p->folder, part, &st, AT_SYMLINK_NOFOLLOW))
        return EEXIST; /* a symbolic link that leads nowhere */
    int n = snprintf(missing, sizeof missing, "%s%s%s", part, *rest ? "/" : "", rest);
    if (n < 0 || (size_t)n >= sizeof missing)
        return ENAMETOOLONG;
    memcpy(p->path, missing, (size_t)n + 1);
    return 0;
}

/* Goes down to the last part, or to the first that is missing. *whole: only the last is left. */
static int go_down(struct init_file_place *p, char *path, bool *whole)
{
    char *part = path + strspn(path, "/"), *rest;
    *whole = false;
    if (*path == '/') {
        close(p->folder);
        if ((p->folder = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
            return errno;
    }
    for (; *(rest = cut_part(part)); part = rest) {
        int next = openat(p->folder, part, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (next < 0 && errno == ENOENT)
            return stop_at(p, part, rest);
        if (next < 0)
            return errno == ENOTDIR ? EEXIST : errno;
        close(p->folder);
        p->folder = next;
    }
    *whole = true;
    memmove(p->path, part, strlen(part) + 1);
    return is_name(part) ? 0 : EISDIR;
}

/* Reads the last part where it is a symbolic link. target "": it is none. */
static int read_link(const struct init_file_place *p, char target[PATH_MAX])
{
    ssize_t n = readlinkat(p->folder, p->path, target, PATH_MAX);
    target[n > 0 && n < PATH_MAX ? n : 0] = 0;
    if (n < 0)
        return errno == EINVAL || errno == ENOENT ? 0 : errno;
    return n == PATH_MAX ? ENAMETOOLONG : 0;
}

int init_file_find_place(const char *path, bool follow, struct init_file_place *out)
{
    char left[PATH_MAX];
    bool whole;
    if (strlen(path) >= sizeof left)
        return ENAMETOOLONG;
    strcpy(left, path);
    if ((out->folder = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
        return errno;
    for (int links = 0; links < LINKS_MAX; links++) {
        int error = go_down(out, left, &whole);
        if (!error && whole && follow)
            error = read_link(out, left);
        if (error)
            return with_closed(out->folder, error);
        if (!whole || !follow || !left[0])
            return 0;
    }
    return with_closed(out->folder, ELOOP);
}

bool init_file_has_folder(const struct init_file_place *place)
{
    return !strchr(place->path, '/');
}

int init_file_make_folders(struct init_file_place *place)
{
    char *part = place->path, *rest;
    for (; *(rest = cut_part(part)); part = rest) {
        if (!is_name(part))
            return ENOENT;
        if (mkdirat(place->folder, part, 0755) != 0 && errno != EEXIST)
            return errno;
        int next = openat(place->folder, part, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (next < 0)
            return errno == ENOTDIR || errno == ENOENT ? EEXIST : errno;
        close(place->folder);
        place->folder = next;
    }
    memmove(place->path, part, strlen(part) + 1);
    return is_name(place->path) ? 0 : EISDIR;
}

/* --- drafts --- */

static int new_name(char out[static 32])
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return EIO;
    snprintf(out, 32, INIT_FILE_TEMPORARY "%016llx", (unsigned long long)random);
    return 0;
}

int init_file_draft_open(struct init_file_draft *draft, int folder)
{
    *draft = (struct init_file_draft){.folder = folder};
    draft->fd = openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (draft->fd >= 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
        return errno;
    int error = new_name(draft->name);
    if (error)
        return error;
    draft->fd = openat(folder, draft->name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (draft->fd < 0) {
        error = errno;
        draft->name[0] = 0;
    }
    return error;
}

static int link_draft(const struct init_file_draft *draft, int folder, const char *name)
{
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", draft->fd);
    return linkat(AT_FDCWD, self, folder, name, AT_SYMLINK_FOLLOW) ? errno : 0;
}

/* A link replaces nothing, but a rename does. */
int init_file_draft_place(struct init_file_draft *draft, int folder, const char *name)
{
    int error = 0;
    if (!draft->name[0]) {
        error = link_draft(draft, folder, name);
        if (error != EEXIST)
            return error;
        if ((error = new_name(draft->name)))
            return error;
        draft->folder = folder;
        error = link_draft(draft, folder, draft->name);
        if (error) {
            draft->name[0] = 0;
            return error;
        }
    }
    error = renameat(draft->folder, draft->name, folder, name) ? errno : 0;
    if (error)
        (void)unlinkat(draft->folder, draft->name, 0);
    draft->name[0] = 0;
    return error;
}

void init_file_draft_close(struct init_file_draft *draft)
{
    if (draft->name[0])
        (void)unlinkat(draft->folder, draft->name, 0);
    if (draft->fd >= 0)
        close(draft->fd);
}
