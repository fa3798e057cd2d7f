#include "agent/sandbox/member.h"

#include "agent/agent_state.h"
#include "agent/cgroup/cgroup_kill.h"

#include "common/io/log.h"
#include "common/base/mem.h"
#include "common/model/image_ref.h"
#include "proto/node_codec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 200 /* after an event, since several come together */

#define ALONE_MS       1000 /* for the helper of its init to exit */
#define ALONE_EVERY_MS 5

static bool same_text(const char *a, const char *b)
{
    return !strcmp(a ? a : "", b ? b : "");
}

static uint64_t shm_of(const struct sandbox_spec *spec, uint64_t memory_bytes)
{
    return spec->shm_bytes ? spec->shm_bytes : sandbox_default_shm(memory_bytes);
}

bool member_fits(const struct member *member, const struct sandbox_spec *spec, uint64_t memory_bytes)
{
    return same_text(member->spec.image, spec->image) && same_text(member->spec.runtime, spec->runtime) &&
           shm_of(&member->spec, member->memory_bytes) == shm_of(spec, memory_bytes) &&
           spec->network == member->spec.network;
}

bool member_is_named(struct member *member, int code, const struct docker_image *image)
{
    struct image_ref ref;
    if (code || strcmp(image->id, member->image.id) || !image_ref_parse(member->spec.image, &ref) ||
        !image_has_name(&image->names, &ref))
        return false;
    docker_image_fini(&member->image);
    docker_image_copy(&member->image, image);
    image_tidy(&member->image.facts);
    member->sure = true;
    return true;
}

bool member_disk_is_same(const struct runtime *runtime)
{
    const struct volume_use *before = &runtime->member->disk;
    struct volume_use now;
    return before->inodes_limit && runtime->agent->volumes &&
           volume_use(runtime->agent->volumes, &runtime->id, &now) && now.used_bytes == before->used_bytes &&
           now.inodes_used == before->inodes_used;
}

/* --- the name of its image --- */

/* One question for all members of the same name. */
struct looking {
    struct agent *agent;
    char *name;
    uint64_t changes;
};

static void look_soon(struct agent *agent);

static void looked(struct runtime *runtime, const struct looking *looking, int code,
                   const struct docker_image *image)
{
    struct agent *agent = runtime->agent;
    struct member *member = runtime->member;
    struct sandbox_exit exit = ending_member("its image's name means another image now");
    member->asking = false;
    bool same = member_is_named(member, code, image);
    member->sure &= looking->changes == agent->image_changes;
    if (!same && (!code || code == ERR_NOT_FOUND) && !runtime->start)
        reconciler_end(agent->reconciler, loop_now_ms(), &runtime->id, &exit, engine_effects(agent->engine));
    else if (!member->sure)
        look_soon(agent);
}

static void on_looked(void *arg, int code, const struct err *e, const struct docker_image *image)
{
    struct looking *looking = arg;
    struct runtime *runtime = code == ERR_CANCELLED ? NULL : looking->agent->runtimes, *next;
    for (; runtime; runtime = next) {
        next = runtime->hh.next;
        if (runtime->member && runtime->member->asking && !strcmp(runtime->member->spec.image, looking->name))
            looked(runtime, looking, code, image);
    }
    free(looking->name);
    free(looking);
}

static bool is_to_be_looked_at(const struct runtime *runtime)
{
    const struct member *member = runtime->member;
    return member && !member->sure && !member->asking && !runtime->start && !runtime->removing;
}

static void look(struct runtime *runtime)
{
    struct agent *agent = runtime->agent;
    struct looking *looking = mem_zalloc(sizeof *looking);
    *looking = (struct looking){agent, mem_strdup(runtime->member->spec.image), agent->image_changes};
    for (struct runtime *other = runtime; other; other = other->hh.next) {
        if (is_to_be_looked_at(other) && !strcmp(other->member->spec.image, looking->name))
            other->member->asking = true;
    }
    docker_image_inspect(agent->docker, looking->name, on_looked, looking);
}

static void look_at_all(void *arg)
{
    struct agent *agent = arg;
    struct runtime *runtime, *next;
    HASH_ITER(hh, agent->runtimes, runtime, next)
    {
        if (is_to_be_looked_at(runtime))
            look(runtime);
    }
}

static void look_soon(struct agent *agent)
{
    if (!timer_armed(&agent->members_looking))
        timer_start(&agent->members_looking, agent->loop, LOOK_MS, look_at_all, agent);
}

void agent_images_changed(struct agent *agent)
{
    struct runtime *runtime, *next;
    agent->image_changes++;
    HASH_ITER(hh, agent->runtimes, runtime, next)
    {
        if (!runtime->member)
            continue;
        runtime->member->sure = false;
        look_soon(agent);
    }
}

/* --- its life --- */

struct settling {
    worker_cb *cb;
    void *arg;
    char folder[VOLUME_PATH_MAX];
    struct cgroup_paths paths;
    pid_t pid;
};

/* The init's helper that copied the image's files may take a moment to exit: on a thread. */
static void await_helper(const struct settling *settling)
{
    const struct timespec pause = {.tv_nsec = ALONE_EVERY_MS * 1000000L};
    for (int i = 0; i < ALONE_MS / ALONE_EVERY_MS && !cgroup_is_alone(&settling->paths, settling->pid); i++)
        nanosleep(&pause, NULL);
}

static int settle_work(void *arg, struct err *e)
{
    const struct settling *settling = arg;
    int fd = open(settling->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || syncfs(fd) ? err_set(e, ERR_IO, "its disk is not written: %s", strerror(errno)) : 0;
    if (fd >= 0)
        close(fd);
    if (settling->pid)
        await_helper(settling);
    return rc;
}

static void on_settled(void *arg, int code, const struct err *e)
{
    struct settling settling = *(struct settling *)arg;
    free(arg);
    settling.cb(settling.arg, code, e);
}

void agent_member_settle(struct runtime *runtime, worker_cb *cb, void *arg)
{
    struct settling *settling = mem_zalloc(sizeof *settling);
    *settling = (struct settling){.cb = cb, .arg = arg, .pid = runtime->cgroup ? runtime->pid : 0};
    if (runtime->cgroup)
        settling->paths = *cgroup_sandbox_paths(runtime->cgroup);
    volume_folder(runtime->agent->volumes, &runtime->id, 0, settling->folder);
    worker_do(runtime->agent->forcers, &runtime->id, settle_work, on_settled, settling);
}

static bool take_spec(struct member *member, const struct sandbox_record *record)
{
    struct image_ref ref;
    struct err e;
    char full[IMAGE_REF_FULL_MAX];
    if (sandbox_spec_unpack(record->spec, record->spec_len, &member->spec, &e) || !member->spec.image ||
        !image_ref_parse(member->spec.image, &ref))
        return false;
    image_ref_full(&ref, full);
    free(member->spec.image);
    member->spec.image = mem_strdup(full);
    member->memory_bytes = record->limits.memory_bytes;
    return true;
}

void agent_member_ready(struct runtime *runtime, const struct docker_image *image, uint64_t changes)
{
    struct agent *agent = runtime->agent;
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &runtime->id);
    struct member *member = mem_zalloc(sizeof *member);
    agent_member_free(runtime->member);
    runtime->member = NULL;
    if (!record || !take_spec(member, record)) {
        agent_member_free(member); /* too little is known of it to hand it out */
        return;
    }
    runtime->member = member;
    docker_image_copy(&member->image, image);
    member->sure = changes && changes == agent->image_changes;
    if (agent->volumes && !volume_use(agent->volumes, &runtime->id, &member->disk))
        member->disk = (struct volume_use){0};
    if (!member->sure)
        look_soon(agent);
}

void agent_member_free(struct member *member)
{
    if (!member)
        return;
    sandbox_spec_fini(&member->spec);
    docker_image_fini(&member->image);
    free(member);
}
