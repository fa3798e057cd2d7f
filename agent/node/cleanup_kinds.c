/*
 * The kinds of things that a cleanup of this node looks for. The core's records at the time of the check
 * decide: a record exists before anything else of its sandbox, and is removed after all of it. Things that
 * are not ours, by label, cluster, folder or name, are left alone.
 */
#include "agent/node/cleanup_kinds.h"

#include "agent/agent_state.h"
#include "agent/cgroup/cgroup_orphan.h"
#include "agent/disk/loop_file.h"
#include "agent/node/image_garbage.h"
#include "agent/node/images.h"
#include "agent/sandbox/runtime.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOUR_MS   3600000u
#define REMOVE_MS 15000

/* --- jobs that may wait for the kernel, on a worker --- */

struct chore {
    struct cleanup *cleanup;
    const struct volumes *volumes;
    const char *records_dir;
    char parent[256], name[CONTAINER_ID_LEN + 1];
    struct sandbox_id *ids, *loop_ids;
    char (*containers)[CONTAINER_ID_LEN + 1]; /* or names of records, which are shorter */
    size_t count, loops;
};

static void chore_do(struct cleanup *cleanup, const char *name, worker_work *work, worker_cb *cb)
{
    struct chore *chore = mem_zalloc(sizeof *chore);
    const char *parent = cleanup->agent->conf->cgroup_parent;
    chore->cleanup = cleanup;
    chore->volumes = cleanup->agent->volumes;
    chore->records_dir = cleanup->agent->records_dir;
    snprintf(chore->parent, sizeof chore->parent, "%s", parent ? parent : "");
    snprintf(chore->name, sizeof chore->name, "%s", name);
    worker_do(cleanup->agent->worker, NULL, work, cb, chore);
}

/*
 * Returns a copy; the caller owns the arrays in it. If the job was cancelled, its cleanup is already freed.
 */
static struct chore chore_done(void *arg)
{
    struct chore chore;
    mem_take(&chore, arg, sizeof chore);
    return chore;
}

/* --- containers --- */

static void on_containers(void *arg, int code, const struct err *e, const struct docker_listed *items,
                          size_t count)
{
    struct cleanup *cleanup = arg;
    if (code == ERR_CANCELLED)
        return;
    for (size_t i = 0; i < count; i++) {
        struct sandbox_id id = {""};
        bool has_id = sandbox_id_parse(items[i].sandbox, &id);
        const struct sandbox_record *record =
            has_id ? reconciler_find(cleanup->agent->reconciler, &id) : NULL;
        if (!strcmp(items[i].cluster, cleanup->agent->conf->cluster) && orphan_container(record, items[i].id))
            cleanup_suspect(cleanup, &id, items[i].id, "");
    }
    cleanup_listed(cleanup, code, e);
}

static void list_containers(struct cleanup *cleanup)
{
    docker_container_list(cleanup->agent->docker, on_containers, cleanup);
}

static void on_container(void *arg, int code, const struct err *e, const struct docker_state *state)
{
    struct cleanup *cleanup = arg;
    if (code == ERR_CANCELLED)
        return;
    const struct suspect *it = &cleanup->item[cleanup->at];
    cleanup_checked(cleanup, !code && orphan_container(cleanup_record_of(cleanup, it), it->name));
}

static void check_container(struct cleanup *cleanup, const struct suspect *it)
{
    docker_container_inspect(cleanup->agent->docker, it->name, DOCKER_QUICK_MS, on_container, cleanup);
}

static void on_removed(void *arg, int code, const struct err *e)
{
    if (code != ERR_CANCELLED)
        cleanup_removed(arg, code, e);
}

static void remove_container(struct cleanup *cleanup, const struct suspect *it)
{
    docker_container_remove(cleanup->agent->docker, it->name, REMOVE_MS, on_removed, cleanup);
}

/* --- disks --- */

static bool has_suspect(const struct cleanup *cleanup, const struct sandbox_id *id)
{
    for (size_t i = 0; i < cleanup->count; i++) {
        if (!memcmp(&cleanup->item[i].id, id, sizeof *id))
            return true;
    }
    return false;
}

/* Takes ids. A disk has a file, a folder, a mount and a loop device, but is one suspect. */
static void add_disks(struct cleanup *cleanup, struct sandbox_id *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (orphan_sandbox(reconciler_find(cleanup->agent->reconciler, &ids[i])) &&
            !has_suspect(cleanup, &ids[i]))
            cleanup_suspect(cleanup, &ids[i], "", "");
    }
    free(ids);
}

static int list_disks_work(void *arg, struct err *e)
{
    struct chore *chore = arg;
    chore->count = volume_list(chore->volumes, &chore->ids);
    chore->loops = loop_file_list(volumes_dir(chore->volumes), &chore->loop_ids);
    return 0;
}

static void on_disks(void *arg, int code, const struct err *e)
{
    struct chore chore = chore_done(arg);
    if (code == ERR_CANCELLED) {
        free(chore.ids);
        free(chore.loop_ids);
        return;
    }
    add_disks(chore.cleanup, chore.ids, chore.count);
    add_disks(chore.cleanup, chore.loop_ids, chore.loops);
    cleanup_listed(chore.cleanup, code, e);
}

static void list_disks(struct cleanup *cleanup)
{
    if (cleanup->agent->volumes)
        chore_do(cleanup, "", list_disks_work, on_disks);
    else
        cleanup_listed(cleanup, 0, NULL);
}

static void check_disk(struct cleanup *cleanup, const struct suspect *it)
{
    cleanup_checked(cleanup, orphan_sandbox(cleanup_record_of(cleanup, it)));
}

static void remove_disk(struct cleanup *cleanup, const struct suspect *it)
{
    volume_remove_orphan(cleanup->agent->volumes, &it->id, on_removed, cleanup);
}

/* --- networks --- */

static void on_networks(void *arg, int code, const struct err *e, const struct docker_network *items,
                        size_t count)
{
    struct cleanup *cleanup = arg;
    if (code == ERR_CANCELLED)
        return;
    for (size_t i = 0; i < count; i++) {
        struct sandbox_id id = {""};
        bool has_id = sandbox_id_parse(items[i].sandbox, &id);
        if (!strcmp(items[i].cluster, cleanup->agent->conf->cluster) &&
            (!has_id || orphan_sandbox(reconciler_find(cleanup->agent->reconciler, &id))))
            cleanup_suspect(cleanup, &id, items[i].id, items[i].name);
    }
    cleanup_listed(cleanup, code, e);
}

static void list_networks(struct cleanup *cleanup)
{
    docker_network_list(cleanup->agent->docker, cleanup->agent->conf->cluster, on_networks, cleanup);
}

static void on_network_users(void *arg, int code, const struct err *e, const struct docker_listed *items,
                             size_t count)
{
    struct cleanup *cleanup = arg;
    if (code != ERR_CANCELLED)
        cleanup_checked(cleanup, !code && !count &&
                                     orphan_sandbox(cleanup_record_of(cleanup, &cleanup->item[cleanup->at])));
}

static void check_network(struct cleanup *cleanup, const struct suspect *it)
{
    struct docker_network network = {.cluster = ""};
    snprintf(network.id, sizeof network.id, "%s", it->name);
    snprintf(network.name, sizeof network.name, "%s", it->other_name);
    docker_container_list_of_network(cleanup->agent->docker, &network, on_network_users, cleanup);
}

static void remove_network(struct cleanup *cleanup, const struct suspect *it)
{
    docker_network_remove(cleanup->agent->docker, it->name, on_removed, cleanup);
}

/* --- files of the agent's own --- */

static bool orphan_file(const struct cleanup *cleanup, const char *name, struct sandbox_id *id)
{
    enum state_file file = state_file_of(name, id);
    return file != STATE_FILE_FOREIGN &&
           orphan_state_file(file, reconciler_find(cleanup->agent->reconciler, id));
}

static int list_records_work(void *arg, struct err *e)
{
    struct chore *chore = arg;
    struct sandbox_id id;
    DIR *dir = opendir(chore->records_dir);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (state_file_of(entry->d_name, &id) == STATE_FILE_FOREIGN ||
            strlen(entry->d_name) >= sizeof *chore->containers)
            continue;
        chore->containers = mem_grow(chore->containers, chore->count + 1, sizeof *chore->containers);
        strcpy(chore->containers[chore->count++], entry->d_name);
    }
    if (dir)
        closedir(dir);
    return 0;
}

static void on_records(void *arg, int code, const struct err *e)
{
    struct chore chore = chore_done(arg);
    struct sandbox_id id;
    for (size_t i = 0; code != ERR_CANCELLED && i < chore.count; i++) {
        if (orphan_file(chore.cleanup, chore.containers[i], &id))
            cleanup_suspect(chore.cleanup, &id, chore.containers[i], "");
    }
    free(chore.containers);
    if (code != ERR_CANCELLED)
        cleanup_listed(chore.cleanup, code, e);
}

static void list_records(struct cleanup *cleanup)
{
    chore_do(cleanup, "", list_records_work, on_records);
}

static void check_record(struct cleanup *cleanup, const struct suspect *it)
{
    struct sandbox_id id;
    cleanup_checked(cleanup, orphan_file(cleanup, it->name, &id));
}

static int remove_record_work(void *arg, struct err *e)
{
    const struct chore *chore = arg;
    char path[512];
    snprintf(path, sizeof path, "%s/%s", chore->records_dir, chore->name);
    return remove(path) && errno != ENOENT /* a folder may be there: remove() handles it */
               ? err_set(e, ERR_IO, "%s", strerror(errno))
               : 0;
}

static void on_chore_removed(void *arg, int code, const struct err *e)
{
    struct chore chore = chore_done(arg);
    if (code != ERR_CANCELLED)
        cleanup_removed(chore.cleanup, code, e);
}

static void remove_record(struct cleanup *cleanup, const struct suspect *it)
{
    chore_do(cleanup, it->name, remove_record_work, on_chore_removed);
}

static bool orphan_link(const struct cleanup *cleanup, const struct sandbox_id *id)
{
    return orphan_sandbox(reconciler_find(cleanup->agent->reconciler, id)) &&
           !agent_runtime_find(cleanup->agent, id);
}

static void list_links(struct cleanup *cleanup)
{
    DIR *dir = opendir(cleanup->agent->links_dir);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        struct sandbox_id id;
        if (sandbox_id_parse(entry->d_name, &id) && orphan_link(cleanup, &id))
            cleanup_suspect(cleanup, &id, entry->d_name, "");
    }
    if (dir)
        closedir(dir);
    cleanup_listed(cleanup, 0, NULL);
}

static void check_link(struct cleanup *cleanup, const struct suspect *it)
{
    cleanup_checked(cleanup, orphan_link(cleanup, &it->id));
}

/* The folder contains at most a socket. */
static void remove_link(struct cleanup *cleanup, const struct suspect *it)
{
    char path[1024];
    struct err e;
    snprintf(path, sizeof path, "%s/%s/%s", cleanup->agent->links_dir, it->name, INIT_SOCKET_NAME);
    unlink(path);
    snprintf(path, sizeof path, "%s/%s", cleanup->agent->links_dir, it->name);
    int rc = rmdir(path) && errno != ENOENT ? err_set(&e, ERR_IO, "%s", strerror(errno)) : 0;
    cleanup_removed(cleanup, rc, &e);
}

/* --- cgroups --- */

static bool container_is_recorded(const struct cleanup *cleanup, const char *container_id)
{
    const struct runtime *runtime, *next;
    HASH_ITER(hh, cleanup->agent->runtimes, runtime, next)
    {
        const struct sandbox_record *record = reconciler_find(cleanup->agent->reconciler, &runtime->id);
        if (record && !strcmp(record->container_id, container_id))
            return true;
    }
    return false;
}

static int list_cgroups_work(void *arg, struct err *e)
{
    struct chore *chore = arg;
    chore->count = chore->parent[0] ? cgroup_orphans(chore->parent, &chore->containers) : 0;
    return 0;
}

static void on_cgroups(void *arg, int code, const struct err *e)
{
    struct chore chore = chore_done(arg);
    for (size_t i = 0; code != ERR_CANCELLED && i < chore.count; i++) {
        if (!container_is_recorded(chore.cleanup, chore.containers[i]))
            cleanup_suspect(chore.cleanup, NULL, chore.containers[i], "");
    }
    free(chore.containers);
    if (code != ERR_CANCELLED)
        cleanup_listed(chore.cleanup, code, e);
}

static void list_cgroups(struct cleanup *cleanup)
{
    chore_do(cleanup, "", list_cgroups_work, on_cgroups);
}

/* Docker's own and other containers have cgroups there too, and a container that starts has no process yet,
 * so only a container that Docker does not know is an orphan. */
static void on_cgroup_container(void *arg, int code, const struct err *e, const struct docker_state *state)
{
    struct cleanup *cleanup = arg;
    if (code != ERR_CANCELLED)
        cleanup_checked(cleanup, code == ERR_NOT_FOUND &&
                                     !container_is_recorded(cleanup, cleanup->item[cleanup->at].name));
}

static void check_cgroup(struct cleanup *cleanup, const struct suspect *it)
{
    docker_container_inspect(cleanup->agent->docker, it->name, DOCKER_QUICK_MS, on_cgroup_container, cleanup);
}

static int remove_cgroup_work(void *arg, struct err *e)
{
    const struct chore *chore = arg;
    return cgroup_orphan_remove(chore->parent, chore->name)
               ? 0
               : err_set(e, ERR_IO, "a process is in its cgroup");
}

static void remove_cgroup(struct cleanup *cleanup, const struct suspect *it)
{
    chore_do(cleanup, it->name, remove_cgroup_work, on_chore_removed);
}

/* --- images --- */

/* The last look before it goes: it may have been used meanwhile. */
static bool image_due(const struct cleanup *cleanup, const struct suspect *it)
{
    const struct image_entry *entry = image_memory_find(&cleanup->agent->images, it->name);
    return entry && image_entry_due(entry, wall_now_ms(), it->unused_ms);
}

static uint64_t keep_ms(const struct cleanup *cleanup)
{
    return cleanup->agent->conf->image_keep_hours * HOUR_MS;
}

static void on_garbage(void *arg, int code, const struct err *e, const struct image_garbage *items,
                       size_t count)
{
    struct cleanup *cleanup = arg;
    if (code == ERR_CANCELLED)
        return;
    for (size_t i = 0; i < count; i++) {
        size_t before = cleanup->count;
        cleanup_suspect(cleanup, NULL, items[i].image.ref, items[i].image.id);
        if (cleanup->count > before)
            cleanup->item[before].unused_ms = items[i].why == GC_DISK ? IMAGE_GC_FRESH_MS : keep_ms(cleanup);
    }
    cleanup_listed(cleanup, code, e);
}

static void list_images(struct cleanup *cleanup)
{
    image_garbage_find(cleanup->agent, keep_ms(cleanup), cleanup->report.dry_run, on_garbage, cleanup);
}

static void on_image_users(void *arg, int code, const struct err *e, const struct docker_listed *items,
                           size_t count)
{
    struct cleanup *cleanup = arg;
    if (code == ERR_CANCELLED)
        return;
    const char *ref = cleanup->item[cleanup->at].name;
    if (!code && count && !cleanup->report.dry_run)
        agent_image_used(cleanup->agent, ref);
    cleanup_checked(cleanup, !code && !count && image_due(cleanup, &cleanup->item[cleanup->at]));
}

/* The name may belong to another image by now, which is then not ours to remove. */
static void on_image(void *arg, int code, const struct err *e, const struct docker_image *image)
{
    struct cleanup *cleanup = arg;
    if (code == ERR_CANCELLED)
        return;
    const struct suspect *it = &cleanup->item[cleanup->at];
    bool ours = !code && !strcmp(image->id, it->other_name);
    if ((code == ERR_NOT_FOUND || (!code && !ours)) && !cleanup->report.dry_run)
        agent_image_forget(cleanup->agent, it->name);
    if (ours)
        docker_container_list_of_image(cleanup->agent->docker, it->other_name, on_image_users, cleanup);
    else
        cleanup_checked(cleanup, false);
}

static void check_image(struct cleanup *cleanup, const struct suspect *it)
{
    docker_image_inspect(cleanup->agent->docker, it->name, on_image, cleanup);
}

static void on_image_removed(void *arg, int code, const struct err *e)
{
    struct cleanup *cleanup = arg;
    if (code == ERR_CANCELLED)
        return;
    if (!code)
        agent_image_forget(cleanup->agent, cleanup->item[cleanup->at].name);
    cleanup_removed(cleanup, code, e);
}

static void remove_image(struct cleanup *cleanup, const struct suspect *it)
{
    docker_image_remove(cleanup->agent->docker, it->name, on_image_removed, cleanup);
}

/* --- all of them --- */

const struct orphan_kind orphan_kinds[ORPHAN_KINDS] = {
    {CLEANUP_ORPHAN_CONTAINER, true, true, list_containers, check_container, remove_container},
    {CLEANUP_VOLUME, true, false, list_disks, check_disk, remove_disk},
    {CLEANUP_NETWORK, false, true, list_networks, check_network, remove_network},
    {CLEANUP_STATE_FILE, false, false, list_records, check_record, remove_record},
    {CLEANUP_STATE_FILE, false, false, list_links, check_link, remove_link},
    {CLEANUP_STATE_FILE, false, true, list_cgroups, check_cgroup, remove_cgroup},
    {CLEANUP_IMAGE, false, true, list_images, check_image, remove_image},
};
