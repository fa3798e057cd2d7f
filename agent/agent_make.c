/*
 * Makes one sandbox, step by step: image, disk, container, start, its init, its command. Between any two
 * steps it may be aborted. Whatever it leaves half-made, KEEPER_REMOVE takes away.
 */
#include "agent/agent_int.h"

#include "common/log.h"
#include "common/mem.h"
#include "common/rfc3339.h"
#include "proto/node_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INIT_WAIT_MS  30000 /* for its init to come, once the container runs */
#define FIXED_FOLDERS 2     /* /workspace and /tmp; the image's own volumes follow */

struct maker {
    struct holder *holder;
    struct sandbox_spec spec;
    struct docker_image image;
    char container_id[DOCKER_ID_LEN + 1];
    struct timer timer;
    bool aborted, pulled, told, waits_for_init;
    bool freed; /* a call is under way, which frees it when it answers */
    bool busy;
    bool host_fault; /* where it fails, this host is to blame */
};

void maker_free(struct maker *m)
{
    if (!m)
        return;
    timer_stop(&m->timer);
    if (m->busy) {
        m->freed = true;
        m->holder = NULL;
        return;
    }
    sandbox_spec_fini(&m->spec);
    docker_image_fini(&m->image);
    free(m);
}

static void finish(struct maker *m, const struct box_made *made)
{
    struct holder *h = m->holder;
    struct agent *agent = h->agent;
    struct sandbox_id id = h->id;
    h->maker = NULL;
    maker_free(m);
    keeper_made(agent->keeper, loop_now_ms(), &id, made, &agent->effects);
    agent_run_effects(agent);
}

static void fail(struct maker *m, enum sandbox_reason reason, const char *why)
{
    struct box_made made = {.reason = reason, .host_fault = m->host_fault};
    snprintf(made.detail, sizeof made.detail, "%s", why);
    finish(m, &made);
}

static void succeed(struct maker *m)
{
    struct box_made made = {.ok = true, .enforced = m->holder->agent->enforces};
    finish(m, &made);
}

/* Called first in each answer: false where nobody waits for it any more. */
static bool answered(struct maker *m, int code, const struct err *e, enum sandbox_reason reason)
{
    m->busy = false;
    if (m->freed || code == ERR_CANCELLED) {
        if (m->freed)
            maker_free(m);
        return false;
    }
    bool go_on = !m->aborted && !code;
    if (m->aborted)
        fail(m, REASON_START_FAILED, "it was ended before it ran");
    else if (code)
        fail(m, code == ERR_IMAGE_UNAVAILABLE ? REASON_IMAGE_UNAVAILABLE : reason, e->text);
    return go_on; /* m is gone where not */
}

void maker_abort(struct maker *m)
{
    m->aborted = true;
    if (m->waits_for_init)
        fail(m, REASON_START_FAILED, "it was ended before it ran");
}

/* --- the command --- */

static void words(struct init_start *start, const struct string_list *list)
{
    for (size_t i = 0; i < list->count && start->argc < INIT_STRINGS_MAX; i++)
        start->argv[start->argc++] = list->item[i];
}

static struct init_start *command_of(const struct maker *m)
{
    struct init_start *start = mem_zalloc(sizeof *start);
    start->cwd = ""; /* /workspace */
    if (m->spec.use_image_command) {
        start->cwd = m->image.working_dir;
        words(start, &m->image.entrypoint);
        words(start, m->spec.command.count ? &m->spec.command : &m->image.command);
    } else {
        words(start, &m->spec.command);
    }
    return start;
}

static void on_no_init(void *arg)
{
    char why[80];
    snprintf(why, sizeof why, "its init did not answer within %d s", INIT_WAIT_MS / 1000);
    fail(arg, REASON_START_FAILED, why);
}

void maker_init_ready(struct maker *m, enum init_main_state state)
{
    struct err e;
    if (!m->waits_for_init)
        return;
    struct init_start *start = command_of(m);
    int rc = start->argc ? initlink_start(m->holder->init, start, &e) : 0;
    bool idles = !start->argc;
    free(start);
    if (rc)
        fail(m, REASON_START_FAILED, e.text);
    else if (idles)
        succeed(m);
}

void maker_init_started(struct maker *m)
{
    if (m->waits_for_init)
        succeed(m);
}

void maker_container_died(struct maker *m, int exit_code)
{
    char why[80];
    snprintf(why, sizeof why, "its container ended with code %d before its init answered", exit_code);
    if (m->waits_for_init)
        fail(m, REASON_START_FAILED, why);
}

static void on_inspected(void *arg, int code, const struct err *error, const struct docker_state *state)
{
    struct maker *m = arg;
    struct err e;
    if (!answered(m, code, error, REASON_START_FAILED))
        return;
    if (!state->running || !state->pid) {
        char why[80];
        snprintf(why, sizeof why, "its container ended at once, with code %d", state->exit_code);
        fail(m, REASON_START_FAILED, why);
        return;
    }
    if (agent_holder_attach(m->holder, state, &e)) {
        fail(m, REASON_START_FAILED, e.text);
        return;
    }
    m->waits_for_init = true;
    timer_start(&m->timer, m->holder->agent->loop, INIT_WAIT_MS, on_no_init, m);
}

static void on_started(void *arg, int code, const struct err *e)
{
    struct maker *m = arg;
    if (!answered(m, code, e, REASON_START_FAILED))
        return;
    m->busy = true;
    docker_container_inspect(m->holder->agent->docker, m->container_id, on_inspected, m);
}

static void on_created(void *arg, int code, const struct err *e, const char *id)
{
    struct maker *m = arg;
    if (!answered(m, code, e, REASON_START_FAILED))
        return;
    struct agent *agent = m->holder->agent;
    memcpy(m->container_id, id, sizeof m->container_id);
    keeper_created(agent->keeper, &m->holder->id, id, &agent->effects);
    m->busy = true;
    docker_container_start(agent->docker, m->container_id, on_started, m);
    agent_run_effects(agent);
}

/* --- the container --- */

struct paths {
    char folder[VOLUME_FOLDERS_MAX][VOLUME_PATH_MAX];
    char link[512];
    struct docker_bind bind[VOLUME_FOLDERS_MAX + 2];
    size_t count;
};

static void bind_add(struct paths *p, const char *source, const char *target, bool read_only)
{
    p->bind[p->count++] = (struct docker_bind){source, target, read_only};
}

static unsigned folders_of(const struct maker *m)
{
    size_t own = m->image.volumes.count;
    return (unsigned)(FIXED_FOLDERS +
                      (own < VOLUME_FOLDERS_MAX - FIXED_FOLDERS ? own : VOLUME_FOLDERS_MAX - FIXED_FOLDERS));
}

/* An image may declare it with slashes at its end. */
static bool is_folder(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return !strncmp(path, folder, len) && !path[len + strspn(path + len, "/")];
}

static void bind_all(const struct maker *m, struct paths *p)
{
    const struct holder *h = m->holder;
    snprintf(p->link, sizeof p->link, "%s/%s", h->agent->links_dir, h->id.text);
    bind_add(p, h->agent->conf->init_path, INIT_BINARY_PATH, true);
    bind_add(p, p->link, INIT_LINK_FOLDER, true);
    for (unsigned i = 0; i < folders_of(m); i++) {
        const char *target = i == 0   ? "/workspace"
                             : i == 1 ? "/tmp"
                                      : m->image.volumes.item[i - FIXED_FOLDERS];
        volume_folder(h->agent->volumes, &h->id, i, p->folder[i]);
        if (i < FIXED_FOLDERS || (!is_folder(target, "/workspace") && !is_folder(target, "/tmp")))
            bind_add(p, p->folder[i], target, false);
    }
}

static void label_add(struct string_list *labels, const char *key, const char *value)
{
    char label[256];
    snprintf(label, sizeof label, "%s=%s", key, value);
    string_list_add(labels, label);
}

static void create_container(struct maker *m)
{
    struct holder *h = m->holder;
    struct agent *agent = h->agent;
    const struct box_record *record = keeper_find(agent->keeper, &h->id);
    struct paths *paths = mem_zalloc(sizeof *paths);
    char expires[RFC3339_LEN + 1], device[VOLUME_PATH_MAX];
    uint64_t now = loop_now_ms();
    bind_all(m, paths);
    struct docker_container c = {.name = h->id.text,
                                 .image = m->spec.image,
                                 .env = m->spec.env,
                                 .binds = paths->bind,
                                 .bind_count = paths->count,
                                 .limits = record->limits,
                                 .network = "none",
                                 .runtime = m->spec.runtime,
                                 .cgroup_parent = agent->conf->cgroup_parent,
                                 .seccomp = agent->seccomp,
                                 .masked = &agent->masked,
                                 .read_only = &agent->read_only,
                                 .own_cgroups = true,
                                 .disk_limits = {agent->conf->disk_read_bytes, agent->conf->disk_write_bytes,
                                                 agent->conf->disk_operations}};
    if (volume_device(agent->volumes, &h->id, device))
        c.disk_device = device;
    rfc3339_format(wall_now_ms() + (record->deadline_ms > now ? record->deadline_ms - now : 0), expires);
    string_list_add(&c.entrypoint, INIT_BINARY_PATH);
    label_add(&c.labels, "corral.sandbox", h->id.text);
    label_add(&c.labels, "corral.node", agent->node);
    label_add(&c.labels, "corral.cluster", agent->conf->cluster);
    label_add(&c.labels, "corral.expires_at", expires);
    m->busy = true;
    docker_container_create(agent->docker, &c, on_created, m);
    string_list_fini(&c.entrypoint);
    string_list_fini(&c.labels);
    free(paths);
}

static void on_disk(void *arg, int code, const struct err *error)
{
    struct maker *m = arg;
    struct err e;
    m->host_fault = code;
    if (!answered(m, code, error, REASON_START_FAILED))
        return;
    m->host_fault = agent_holder_listen(m->holder, &e);
    if (m->host_fault)
        fail(m, REASON_START_FAILED, e.text);
    else
        create_container(m);
}

/* --- the image --- */

static void on_image(void *arg, int code, const struct err *e, const struct docker_image *image);

static void on_pulled(void *arg, int code, const struct err *e)
{
    struct maker *m = arg;
    if (!answered(m, code, e, REASON_IMAGE_UNAVAILABLE))
        return;
    m->pulled = m->busy = true;
    docker_image_inspect(m->holder->agent->docker, m->spec.image, on_image, m);
}

static void image_copy(struct docker_image *dst, const struct docker_image *src)
{
    memcpy(dst->id, src->id, sizeof dst->id);
    for (size_t i = 0; i < src->volumes.count; i++)
        string_list_add(&dst->volumes, src->volumes.item[i]);
    for (size_t i = 0; i < src->entrypoint.count; i++)
        string_list_add(&dst->entrypoint, src->entrypoint.item[i]);
    for (size_t i = 0; i < src->command.count; i++)
        string_list_add(&dst->command, src->command.item[i]);
    memcpy(dst->working_dir, src->working_dir, sizeof dst->working_dir);
}

static void on_image(void *arg, int code, const struct err *e, const struct docker_image *image)
{
    struct maker *m = arg;
    bool pull = code == ERR_NOT_FOUND && !m->pulled && !m->freed && !m->aborted;
    if (!answered(m, pull ? 0 : code, e,
                  code == ERR_NOT_FOUND ? REASON_IMAGE_UNAVAILABLE : REASON_START_FAILED))
        return;
    struct agent *agent = m->holder->agent;
    m->busy = true;
    if (pull) {
        docker_image_pull(agent->docker, m->spec.image, on_pulled, m);
        return;
    }
    image_copy(&m->image, image);
    if (m->pulled)
        agent_image_pulled(agent, m->spec.image, image->id);
    else
        agent_image_used(agent, m->spec.image);
    volume_make(agent->volumes, &m->holder->id,
                keeper_find(agent->keeper, &m->holder->id)->limits.storage_bytes, folders_of(m), on_disk, m);
}

/* --- the beginning --- */

static void on_cannot(void *arg)
{
    struct maker *m = arg;
    m->host_fault = !m->holder->agent->docker_ready;
    fail(m, REASON_START_FAILED,
         "its host cannot make it now: Docker does not answer, or the request is not readable");
}

void agent_make(struct holder *h)
{
    struct agent *agent = h->agent;
    const struct box_record *record = keeper_find(agent->keeper, &h->id);
    struct maker *m = mem_zalloc(sizeof *m);
    struct err e;
    m->holder = h;
    h->maker = m;
    if (!agent->docker_ready || sandbox_spec_unpack(record->spec, record->spec_len, &m->spec, &e)) {
        timer_start(&m->timer, agent->loop, 0, on_cannot, m);
        return;
    }
    agent_holder_take_spec(h, &m->spec);
    m->busy = true;
    docker_image_inspect(agent->docker, m->spec.image, on_image, m);
}
