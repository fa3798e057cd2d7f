#include "agent/cgroup/cgroup_path.h"

#include "agent/core/orphan.h"

#include "common/base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX (256 * 1024)

static const char *const names[CGROUP_COUNT] = {"memory", "cpu", "cpuacct", "pids", "freezer", "blkio"};

/* Whether word is one of the comma-separated words. */
static bool has_word(const char *words, size_t len, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = words, *end = words + len; at < end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t size = (size_t)((comma ? comma : end) - at);
        if (size == n && !memcmp(at, word, n))
            return true;
        at += size + 1;
    }
    return false;
}

/* The mount of a controller (NULL: of cgroup2): mountinfo's field 5, see proc(5). */
static bool find_mount(const char *mountinfo, const char *controller, char *out, size_t size)
{
    for (const char *line = mountinfo; line && *line; line = strchr(line, '\n'), line += line != NULL) {
        char at[CGROUP_PATH_MAX], type[32], options[256];
        size_t len = strcspn(line, "\n");
        char *copy = mem_dup(line, len);
        char *dash = strstr(copy, " - ");
        bool good = dash && sscanf(copy, "%*s %*s %*s %*s %511s", at) == 1 &&
                    sscanf(dash, " - %31s %*s %255s", type, options) == 2;
        good = good && (controller ? !strcmp(type, "cgroup") && has_word(options, strlen(options), controller)
                                   : !strcmp(type, "cgroup2"));
        free(copy);
        if (!good)
            continue;
        snprintf(out, size, "%s", at);
        return true;
    }
    return false;
}

/* The path behind "N:controllers:" in /proc/PID/cgroup; the unified hierarchy has no controllers there. */
static bool find_path(const char *proc_cgroup, const char *controller, char *out, size_t size)
{
    for (const char *line = proc_cgroup; line && *line; line = strchr(line, '\n'), line += line != NULL) {
        const char *first = strchr(line, ':');
        const char *second = first ? strchr(first + 1, ':') : NULL;
        size_t len = strcspn(line, "\n");
        if (!second || second > line + len)
            continue;
        size_t words = (size_t)(second - first - 1);
        if (controller ? !has_word(first + 1, words, controller) : words != 0)
            continue;
        snprintf(out, size, "%.*s", (int)(line + len - second - 1), second + 1);
        return !strstr(out, "..");
    }
    return false;
}

static bool folder_of(const char *proc_cgroup, const char *mountinfo, const char *controller,
                      char out[CGROUP_PATH_MAX])
{
    char mount[CGROUP_PATH_MAX], path[CGROUP_PATH_MAX];
    out[0] = 0;
    if (!find_mount(mountinfo, controller, mount, sizeof mount) ||
        !find_path(proc_cgroup, controller, path, sizeof path))
        return false;
    if (strlen(mount) + strlen(path) >= CGROUP_PATH_MAX)
        return false;
    strcpy(out, mount);
    strcat(out, path);
    return true;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int cgroup_paths_parse(const char *proc_cgroup, const char *mountinfo, struct cgroup_paths *out,
                       struct err *e)
{
    memset(out, 0, sizeof *out);
    folder_of(proc_cgroup, mountinfo, NULL, out->unified);
    for (int i = 0; i < CGROUP_COUNT; i++)
        folder_of(proc_cgroup, mountinfo, names[i], out->folder[i]);
    if (out->folder[CGROUP_MEMORY][0]) {
        /* A runtime that knows only v1 leaves its processes in the unified cgroup of the process that started
         * them. */
        if (strcmp(last_part(out->unified), last_part(out->folder[CGROUP_MEMORY])))
            out->unified[0] = 0;
        return 0;
    }
    if (!out->unified[0])
        return err_set(e, ERR_NOT_FOUND, "the process' cgroup is not in any mount");
    out->v2 = true;
    for (int i = 0; i < CGROUP_COUNT; i++)
        memcpy(out->folder[i], out->unified, CGROUP_PATH_MAX);
    return 0;
}

static char *read_text(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    char *text = mem_zalloc(TEXT_MAX + 1);
    size_t len = 0;
    ssize_t n;
    while (len < TEXT_MAX && (n = read(fd, text + len, TEXT_MAX - len)) > 0)
        len += (size_t)n;
    close(fd);
    text[len] = 0;
    return text;
}

static bool put_root(const char *root, char folder[CGROUP_PATH_MAX])
{
    size_t root_len = strlen(root), len = strlen(folder);
    if (!len)
        return true;
    if (root_len + len >= CGROUP_PATH_MAX)
        return false;
    memmove(folder + root_len, folder, len + 1);
    memcpy(folder, root, root_len);
    return true;
}

int cgroup_paths_of(const char *root, pid_t pid, struct cgroup_paths *out, struct err *e)
{
    char path[CGROUP_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/proc/%d/cgroup", root, (int)pid);
    CLEANUP(mem_free_ptr) char *proc_cgroup = read_text(path);
    snprintf(path, sizeof path, "%s/proc/self/mountinfo", root);
    CLEANUP(mem_free_ptr) char *mountinfo = read_text(path);
    if (!proc_cgroup || !mountinfo)
        return err_set(e, ERR_NOT_FOUND, "process %d is gone", (int)pid);
    int rc = cgroup_paths_parse(proc_cgroup, mountinfo, out, e);
    bool fits = put_root(root, out->unified);
    for (int i = 0; i < CGROUP_COUNT; i++)
        fits = put_root(root, out->folder[i]) && fits;
    return rc || fits ? rc : err_set(e, ERR_NOT_FOUND, "the cgroup's path is too long");
}

bool cgroup_paths_carry(const struct cgroup_paths *paths, const char *container_id)
{
    const char *name = last_part(paths->folder[CGROUP_MEMORY]);
    char id[CONTAINER_ID_LEN + 1];
    return orphan_cgroup_name(name, id) && !strcmp(id, container_id);
}

/* --- by the container's id --- */

int cgroup_mounts_read(const char *root, struct cgroup_mounts *out, struct err *e)
{
    char path[CGROUP_PATH_MAX + 64];
    struct cgroup_paths *at = &out->at;
    memset(out, 0, sizeof *out);
    snprintf(path, sizeof path, "%s/proc/self/mountinfo", root);
    CLEANUP(mem_free_ptr) char *mountinfo = read_text(path);
    if (!mountinfo)
        return err_set(e, ERR_NOT_FOUND, "%s cannot be read", path);
    if (!find_mount(mountinfo, NULL, at->unified, sizeof at->unified))
        at->unified[0] = 0;
    for (int i = 0; i < CGROUP_COUNT; i++) {
        if (!find_mount(mountinfo, names[i], at->folder[i], sizeof at->folder[i]))
            at->folder[i][0] = 0;
    }
    at->v2 = !at->folder[CGROUP_MEMORY][0];
    for (int i = 0; at->v2 && i < CGROUP_COUNT; i++)
        memcpy(at->folder[i], at->unified, CGROUP_PATH_MAX);
    if (!at->folder[CGROUP_MEMORY][0])
        return err_set(e, ERR_NOT_FOUND, "no cgroups with memory are mounted");
    bool fits = put_root(root, at->unified);
    for (int i = 0; i < CGROUP_COUNT; i++)
        fits = put_root(root, at->folder[i]) && fits;
    return fits ? 0 : err_set(e, ERR_NOT_FOUND, "the cgroups' path is too long");
}

/* MOUNT/PARENT/NAME, "" if it is too long or does not exist. */
static void below(char out[CGROUP_PATH_MAX], const char *mount, const char *parent, const char *name)
{
    int n = snprintf(out, CGROUP_PATH_MAX, "%s/%s%s%s", mount, parent, parent[0] ? "/" : "", name);
    if (!mount[0] || n >= CGROUP_PATH_MAX || access(out, F_OK))
        out[0] = 0;
}

static bool paths_below(const struct cgroup_paths *mounts, const char *parent, const char *name,
                        struct cgroup_paths *out)
{
    out->v2 = mounts->v2;
    for (int i = 0; i < CGROUP_COUNT; i++) {
        below(out->folder[i], mounts->folder[i], parent, name);
        if (i == CGROUP_MEMORY && !out->folder[i][0])
            return false;
    }
    below(out->unified, mounts->unified, parent, name);
    return true;
}

/* a-b.slice is in a.slice: systemd.slice(5). */
static void slice_path(const char *parent, char out[static CGROUP_PATH_MAX])
{
    size_t len = strlen(parent), at = 0;
    bool is_slice = len > 6 && !strcmp(parent + len - 6, ".slice") && !strchr(parent, '/');
    for (size_t i = 0; is_slice && i < len - 6; i++) {
        if (parent[i] == '-' && i)
            at += (size_t)snprintf(out + at, CGROUP_PATH_MAX - at, "%.*s.slice/", (int)i, parent);
        if (at >= CGROUP_PATH_MAX / 2)
            is_slice = false; /* such a name cannot exist */
    }
    if (!is_slice)
        at = 0;
    snprintf(out + at, CGROUP_PATH_MAX - at, "%s", parent);
}

int cgroup_paths_of_container(const struct cgroup_mounts *mounts, const char *parent,
                              const char *container_id, struct cgroup_paths *out, struct err *e)
{
    static const char *const usual[] = {"docker", "system.slice"};
    char within[CGROUP_PATH_MAX], scope[CONTAINER_ID_LEN + 16], id[CONTAINER_ID_LEN + 1];
    bool own = parent && parent[0];
    if (!orphan_cgroup_name(container_id, id))
        return err_set(e, ERR_NOT_FOUND, "its container is not known");
    snprintf(scope, sizeof scope, "docker-%s.scope", id);
    for (size_t i = 0; i < (own ? 1 : ARRAY_LEN(usual)); i++) {
        const char *base = own ? parent : usual[i];
        slice_path(base + strspn(base, "/"), within);
        if (paths_below(&mounts->at, within, id, out) || paths_below(&mounts->at, within, scope, out))
            return 0;
    }
    return err_set(e, ERR_NOT_FOUND, "its cgroup is not there");
}
