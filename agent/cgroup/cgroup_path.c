#include "agent/cgroup/cgroup_path.h"

#include "common/mem.h"

#include <dirent.h>
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

/* The path behind "N:controllers:" in /proc/PID/cgroup; of the unified one the controllers are empty. */
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
        /* A runtime that knows v1 only leaves its processes in the unified cgroup of who started them. */
        if (strcmp(last_part(out->unified), last_part(out->folder[CGROUP_MEMORY])))
            out->unified[0] = 0;
        return 0;
    }
    if (!out->unified[0])
        return err_set(e, ERR_NOT_FOUND, "the process' cgroup is not to be seen in the mounts");
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

pid_t cgroup_find_container(const char *container_id)
{
    pid_t found = 0;
    DIR *proc = container_id[0] ? opendir("/proc") : NULL;
    if (!proc)
        return 0;
    for (struct dirent *entry; !found && (entry = readdir(proc));) {
        char path[300];
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid <= 1)
            continue;
        snprintf(path, sizeof path, "/proc/%ld/cgroup", pid);
        CLEANUP(mem_free_ptr) char *text = read_text(path);
        if (text && strstr(text, container_id))
            found = (pid_t)pid;
    }
    closedir(proc);
    return found;
}
