#include "agent/cgroup/cgroup_orphan.h"

#include "agent/cgroup/cgroup_path.h"

#include "common/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* path: of a container's cgroup in one hierarchy. */
typedef void found_fn(void *arg, const char *path, const char *id);

static void each_in(const char *folder, found_fn *found, void *arg)
{
    char path[2 * CGROUP_PATH_MAX], id[CONTAINER_ID_LEN + 1];
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!orphan_cgroup_name(entry->d_name, id))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        found(arg, path, id);
    }
    closedir(dir);
}

/* Looks below the parent in every hierarchy; each mount of one is a line of mountinfo, see proc(5). */
static void each(const char *parent, found_fn *found, void *arg)
{
    char line[4096], at[CGROUP_PATH_MAX], type[32], folder[2 * CGROUP_PATH_MAX];
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    if (!mounts)
        return;
    while (fgets(line, sizeof line, mounts)) {
        const char *dash = strstr(line, " - ");
        if (!dash || sscanf(line, "%*s %*s %*s %*s %511s", at) != 1 || sscanf(dash, " - %31s", type) != 1 ||
            strncmp(type, "cgroup", 6))
            continue;
        snprintf(folder, sizeof folder, "%s/%s", at, parent + strspn(parent, "/"));
        each_in(folder, found, arg);
    }
    fclose(mounts);
}

static bool is_empty(const char *path)
{
    char file[3 * CGROUP_PATH_MAX], line[32];
    snprintf(file, sizeof file, "%s/cgroup.procs", path);
    FILE *f = fopen(file, "re");
    bool empty = f && !fgets(line, sizeof line, f);
    if (f)
        fclose(f);
    return empty;
}

struct orphan {
    char id[CONTAINER_ID_LEN + 1];
    bool busy;
};

struct listing {
    struct orphan *item;
    size_t count;
};

static void list_one(void *arg, const char *path, const char *id)
{
    struct listing *l = arg;
    size_t i = 0;
    while (i < l->count && strcmp(l->item[i].id, id))
        i++;
    if (i == l->count) {
        l->item = mem_grow(l->item, l->count + 1, sizeof *l->item);
        l->item[l->count] = (struct orphan){.busy = false};
        strcpy(l->item[l->count++].id, id);
    }
    l->item[i].busy |= !is_empty(path);
}

size_t cgroup_orphans(const char *parent, char (**ids)[CONTAINER_ID_LEN + 1])
{
    struct listing l = {0};
    size_t count = 0;
    each(parent, list_one, &l);
    *ids = mem_zalloc((l.count + 1) * sizeof **ids);
    for (size_t i = 0; i < l.count; i++) {
        if (!l.item[i].busy)
            strcpy((*ids)[count++], l.item[i].id);
    }
    free(l.item);
    return count;
}

/* The kernel's files disappear with their folder; subfolders are removed first. */
static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    return kind == FTW_DP && rmdir(path) && errno != ENOENT ? -1 : 0;
}

struct removal {
    const char *id;
    bool failed;
};

static void remove_cgroup(void *arg, const char *path, const char *id)
{
    struct removal *r = arg;
    if (!strcmp(r->id, id) && nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS))
        r->failed = true;
}

bool cgroup_orphan_remove(const char *parent, const char *id)
{
    struct removal r = {.id = id};
    each(parent, remove_cgroup, &r);
    return !r.failed;
}
