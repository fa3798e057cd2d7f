#include "agent/sandbox/start_container.h"

#include "agent/agent_state.h"
#include "agent/disk/image_tree.h"
#include "agent/sandbox/attach.h"

#include "common/base/mem.h"
#include "common/base/rfc3339.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INIT_WAIT_MS 30000  /* for its init to connect, once the container runs */
#define COPY_WAIT_MS 120000 /* for the copy of the image's files to its disk */

/* --- the command --- */

static void words(struct init_start *start, const struct string_list *list)
{
    /* They fit: image_fits has checked. */
    for (size_t i = 0; i < list->count && start->argc < INIT_STRINGS_MAX; i++)
        start->argv[start->argc++] = list->item[i];
}

#define HOME_FOLDER "/workspace"

/* The working folder of its command. */
static const char *working_dir(const struct start *m)
{
    const char *dir = m->image.facts.working_dir;
    return !m->spec.use_image_command ? HOME_FOLDER : *dir ? dir : "/";
}

static const char *target_of(const struct start *m, unsigned folder)
{
    return folder == 0   ? HOME_FOLDER
           : folder == 1 ? "/tmp"
                         : m->image.facts.volumes.item[folder - FIXED_FOLDERS];
}

/* The innermost folder in which this one is mounted; -1: the root. */
static int parent_of(const struct start *m, unsigned folder)
{
    int parent = -1;
    size_t longest = 0;
    for (unsigned i = 0; i < start_folders(m); i++) {
        size_t len = strlen(target_of(m, i));
        if (len > longest && len < strlen(target_of(m, folder)) &&
            image_is_in(target_of(m, folder), target_of(m, i))) {
            parent = (int)i;
            longest = len;
        }
    }
    return parent;
}

struct string_list start_places(const struct start *m)
{
    struct string_list places = {0};
    for (unsigned i = FIXED_FOLDERS; i < start_folders(m); i++) {
        char place[IMAGE_PATH_MAX + 16];
        int parent = parent_of(m, i);
        if (parent < 0)
            continue;
        snprintf(place, sizeof place, "%d%s", parent,
                 target_of(m, i) + strlen(target_of(m, (unsigned)parent)));
        string_list_add(&places, place);
    }
    return places;
}

static bool is_on_disk(const struct start *m, const char *path)
{
    for (unsigned i = 0; i < start_folders(m); i++) {
        if (image_is_in(path, target_of(m, i)))
            return true;
    }
    return false;
}

/* Docker would make a missing working folder below what is mounted over it; on the sandbox's disk, its init
 * makes it. */
static bool init_makes_folder(const struct start *m)
{
    return is_on_disk(m, working_dir(m));
}

static struct init_start *command_of(const struct start *m)
{
    struct init_start *start = mem_zalloc(sizeof *start);
    start->cwd = init_makes_folder(m) ? working_dir(m) : ""; /* "": the container's own */
    if (m->spec.use_image_command) {
        words(start, &m->image.facts.entrypoint);
        words(start, m->spec.command.count ? &m->spec.command : &m->image.facts.command);
    } else {
        words(start, &m->spec.command);
    }
    return start;
}

static void on_no_init(void *arg)
{
    char why[80];
    snprintf(why, sizeof why, "its init did not answer within %d s", INIT_WAIT_MS / 1000);
    start_fail(arg, REASON_START_FAILED, why);
}

static void begin_command(struct start *m)
{
    struct err e;
    struct init_start *start = command_of(m);
    int rc = start->argc ? initlink_start(m->runtime->init, start, &e) : 0;
    bool idles = !start->argc;
    m->step = STEP_INIT; /* waits for STARTED */
    timer_start(&m->timer, m->runtime->agent->loop, INIT_WAIT_MS, on_no_init, m);
    free(start);
    if (rc)
        start_fail(m, REASON_START_FAILED, e.text);
    else if (idles)
        start_succeed(m);
}

static void on_init_started(struct runtime *h)
{
    struct start *m = h->start;
    if (m->step == STEP_INIT)
        start_succeed(m);
}

/* --- copying the image's files in folders that its disk is mounted over --- */

static void on_not_copied(void *arg)
{
    char why[100];
    snprintf(why, sizeof why, "its image's files were not copied to its disk within %d s",
             COPY_WAIT_MS / 1000);
    start_fail(arg, REASON_START_FAILED, why);
}

static void on_init_copied(struct runtime *h, int error, uint32_t folder)
{
    struct start *m = h->start;
    char why[NODE_DETAIL_MAX + 1];
    if (m->step != STEP_COPY || m->busy)
        return;
    timer_stop(&m->timer);
    if (!error) {
        begin_command(m);
        return;
    }
    snprintf(why, sizeof why, "what its image has in folders of its disk %s: %.200s: %s",
             error == ENOSPC ? "does not fit there" : "cannot be copied there",
             folder < start_folders(m) ? target_of(m, folder) : "", strerror(error));
    start_fail(m, REASON_IMAGE_UNAVAILABLE, why);
}

/* gVisor has a kernel of its own, to which no descriptor of the node can be passed. */
static bool can_copy(const struct start *m)
{
    return !m->runtime->has_no_update;
}

static void ask_to_copy(struct start *m, int tree)
{
    char *folders = mem_zalloc(VOLUME_FOLDERS_MAX * (IMAGE_PATH_MAX + 1));
    size_t len = 0;
    struct err e;
    for (unsigned i = 0; i < start_folders(m) && tree >= 0; i++)
        len += (size_t)snprintf(folders + len, IMAGE_PATH_MAX + 1, "%s", target_of(m, i)) + 1;
    int rc = initlink_copy(m->runtime->init, tree, folders, len, &e);
    free(folders);
    if (rc)
        start_fail(m, REASON_START_FAILED, e.text);
}

static void on_tree(void *arg, int code, const struct err *e, int tree)
{
    struct start *m = arg;
    if (start_answered(m, code, e))
        ask_to_copy(m, tree);
    if (tree >= 0)
        close(tree);
}

/*
 * Ends its turn: the node's part of the start is done. How long its init copies depends on its image and its
 * own CPU limit, and no other start waits for that.
 */
static void end_turn(struct start *m)
{
    struct agent *agent = m->runtime->agent;
    turn_succeeds(&agent->turns, &m->turn, loop_now_ms());
    turn_end(&agent->turns, &m->turn);
    engine_due(agent->engine);
}

static void on_init_ready(struct runtime *h, enum init_main_state state)
{
    struct start *m = h->start;
    struct agent *agent = h->agent;
    if ((m->step != STEP_INIT && m->step != STEP_COPY) || m->busy)
        return;
    if (state != INIT_MAIN_FRESH) {
        timer_stop(&m->timer);
        begin_command(m);
        return;
    }
    m->step = STEP_COPY;
    timer_start(&m->timer, agent->loop, COPY_WAIT_MS, on_not_copied, m);
    end_turn(m);
    if (!can_copy(m)) {
        ask_to_copy(m, -1);
        return;
    }
    start_asked(m, STEP_COPY, NULL);
    image_tree_open(agent->worker, &m->runtime->id, m->runtime->pid, on_tree, m);
}

const struct init_waiter start_waiter = {
    .on_ready = on_init_ready, .on_copied = on_init_copied, .on_started = on_init_started};

void start_container_died(struct start *m, int exit_code)
{
    char why[80];
    snprintf(why, sizeof why, "its container ended with code %d before its init answered", exit_code);
    if (m->step == STEP_INIT || m->step == STEP_COPY)
        start_fail(m, REASON_START_FAILED, why);
}

/* Checked before anything of the user runs: the image is unchanged since the check, and none of it is on the
 * node's own disk. */
static void on_inspected(void *arg, int code, const struct err *error, const struct docker_state *state)
{
    struct start *m = arg;
    struct err e;
    char why[120];
    if (!start_answered(m, code, error))
        return;
    if (!state->running || !state->pid) {
        snprintf(why, sizeof why, "its container ended at once, with code %d", state->exit_code);
        start_fail(m, REASON_START_FAILED, why);
    } else if (state->foreign_mounts) {
        start_fail(m, REASON_IMAGE_UNAVAILABLE, "its image declares a volume that cannot be put on its disk");
    } else if (agent_runtime_attach(m->runtime, state, &e)) {
        m->node_fault = e.code == ERR_IO;
        start_fail(m, REASON_START_FAILED, e.text);
    } else {
        m->step = STEP_INIT;
        timer_start(&m->timer, m->runtime->agent->loop, INIT_WAIT_MS, on_no_init, m);
    }
}

/*
 * Like start_answered. Docker makes and enters the working folder before the image's files are on the disk,
 * so it fails if that folder is a link into a folder of the disk, or a file: then the image is to blame.
 */
static bool is_answered(struct start *m, int code, const struct err *e)
{
    struct err why;
    if (code && m->spec.use_image_command && strstr(e->text, "mkdir") &&
        (strstr(e->text, ": file exists") || strstr(e->text, " is not a directory"))) {
        code = err_set(&why, ERR_IMAGE_UNAVAILABLE,
                       "its image's working folder is a file, or a link into a folder of the disk");
        e = &why;
    }
    return start_answered(m, code, e);
}

static void on_started(void *arg, int code, const struct err *e)
{
    struct start *m = arg;
    if (is_answered(m, code, e))
        start_asked(m, STEP_START,
                    docker_container_inspect(m->runtime->agent->docker, m->container_id, DOCKER_QUICK_MS,
                                             on_inspected, m));
}

static void start_container(struct start *m)
{
    start_asked(m, STEP_START,
                docker_container_start(m->runtime->agent->docker, m->container_id, on_started, m));
}

/*
 * Docker reads the image's files of users before it starts a container, whatever type they have: a pipe
 * blocks it for ever, with the container locked, and of an endless file it keeps all lines in memory. So
 * these files are checked first, once per image.
 */
static const char *const user_files[] = {"/etc/passwd", "/etc/group"};

static bool is_known_plain(const struct agent *agent, const char *image)
{
    for (unsigned i = 0; i < PLAIN_IMAGES_MAX; i++) {
        if (!strcmp(agent->plain_images.id[i], image))
            return true;
    }
    return false;
}

static void remember_plain(struct agent *agent, const char *image)
{
    struct plain_images *plain = &agent->plain_images;
    if (!is_known_plain(agent, image))
        snprintf(plain->id[plain->next++ % PLAIN_IMAGES_MAX], sizeof plain->id[0], "%s", image);
}

static void on_user_file(void *arg, int code, const struct err *e, const struct docker_file *file);

static void look_at_users(struct start *m)
{
    struct agent *agent = m->runtime->agent;
    if (m->user_files < ARRAY_LEN(user_files)) {
        start_asked(m, STEP_CREATE,
                    docker_container_file(agent->docker, m->container_id, user_files[m->user_files++],
                                          on_user_file, m));
        return;
    }
    remember_plain(agent, m->image.id);
    start_container(m);
}

static void on_user_file(void *arg, int code, const struct err *e, const struct docker_file *file)
{
    struct start *m = arg;
    if (!start_answered(m, code == ERR_NOT_FOUND ? 0 : code, e))
        return;
    if (!code && (!file->plain || file->bytes > IMAGE_USERS_BYTES_MAX))
        start_fail(m, REASON_IMAGE_UNAVAILABLE,
                   "its image's list of users or groups is no ordinary file of at most 1 MiB");
    else
        look_at_users(m);
}

static void on_created(void *arg, int code, const struct err *e, const char *id)
{
    struct start *m = arg;
    if (!is_answered(m, code, e))
        return;
    struct agent *agent = m->runtime->agent;
    memcpy(m->container_id, id, sizeof m->container_id);
    reconciler_created(agent->reconciler, &m->runtime->id, id, engine_effects(agent->engine));
    if (is_known_plain(agent, m->image.id))
        start_container(m);
    else
        look_at_users(m);
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

unsigned start_folders(const struct start *m)
{
    return (unsigned)(FIXED_FOLDERS + m->image.facts.volumes.count);
}

static bool is_bound(const struct paths *p, const char *target)
{
    for (size_t i = 0; i < p->count; i++) {
        if (!strcmp(p->bind[i].target, target))
            return true;
    }
    return false;
}

static void bind_all(const struct start *m, struct paths *p)
{
    const struct runtime *h = m->runtime;
    snprintf(p->link, sizeof p->link, "%s/%s", h->agent->links_dir, h->id.text);
    bind_add(p, h->agent->init_path, INIT_BINARY_PATH, true);
    bind_add(p, p->link, INIT_LINK_FOLDER, true);
    for (unsigned i = 0; i < start_folders(m); i++) {
        const char *target = target_of(m, i);
        volume_folder(h->agent->volumes, &h->id, i, p->folder[i]);
        if (!is_bound(p, target))
            bind_add(p, p->folder[i], target, false);
    }
}

static void label_add(struct string_list *labels, const char *key, const char *value)
{
    char label[256];
    snprintf(label, sizeof label, "%s=%s", key, value);
    string_list_add(labels, label);
}

/* HOME as the user sets it; never as the image sets it, since the sandbox could not write to that folder. */
static struct string_list environment_of(const struct start *m)
{
    struct string_list env = {0};
    string_list_add(&env, "HOME=" HOME_FOLDER);
    for (size_t i = 0; i < m->spec.env.count; i++) {
        if (!strncmp(m->spec.env.item[i], "HOME=", strlen("HOME=")))
            string_list_fini(&env);
    }
    for (size_t i = 0; i < m->spec.env.count; i++)
        string_list_add(&env, m->spec.env.item[i]);
    return env;
}

void start_contain(struct start *m)
{
    struct runtime *h = m->runtime;
    struct agent *agent = h->agent;
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &h->id);
    struct paths *paths = mem_zalloc(sizeof *paths);
    char expires[RFC3339_LEN + 1], device[VOLUME_PATH_MAX];
    uint64_t now = loop_now_ms();
    bind_all(m, paths);
    struct docker_container c = {.name = h->id.text,
                                 .image = m->spec.image,
                                 .env = environment_of(m),
                                 .working_dir = init_makes_folder(m) ? HOME_FOLDER : working_dir(m),
                                 .binds = paths->bind,
                                 .bind_count = paths->count,
                                 .limits = record->limits,
                                 .shm_bytes = m->spec.shm_bytes,
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
    start_asked(m, STEP_CREATE, docker_container_create(agent->docker, &c, on_created, m));
    string_list_fini(&c.env);
    string_list_fini(&c.entrypoint);
    string_list_fini(&c.labels);
    free(paths);
}
