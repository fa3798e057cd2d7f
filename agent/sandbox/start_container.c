#include "agent/sandbox/start_container.h"

#include "agent/agent_state.h"
#include "agent/disk/image_tree.h"
#include "agent/sandbox/attach.h"
#include "agent/sandbox/member.h"

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
static const char *working_dir(const struct start *start)
{
    const char *dir = start->image.facts.working_dir;
    return !start->spec.use_image_command ? HOME_FOLDER : *dir ? dir : "/";
}

static const char *target_of(const struct start *start, unsigned folder)
{
    return folder == 0   ? HOME_FOLDER
           : folder == 1 ? "/tmp"
                         : start->image.facts.volumes.item[folder - FIXED_FOLDERS];
}

/* The innermost folder in which this one is mounted; -1: the root. */
static int parent_of(const struct start *start, unsigned folder)
{
    int parent = -1;
    size_t longest = 0;
    for (unsigned i = 0; i < start_folders(start); i++) {
        size_t len = strlen(target_of(start, i));
        if (len > longest && len < strlen(target_of(start, folder)) &&
            image_is_in(target_of(start, folder), target_of(start, i))) {
            parent = (int)i;
            longest = len;
        }
    }
    return parent;
}

struct string_list start_places(const struct start *start)
{
    struct string_list places = {0};
    for (unsigned i = FIXED_FOLDERS; i < start_folders(start); i++) {
        char place[IMAGE_PATH_MAX + 16];
        int parent = parent_of(start, i);
        if (parent < 0)
            continue;
        snprintf(place, sizeof place, "%d%s", parent,
                 target_of(start, i) + strlen(target_of(start, (unsigned)parent)));
        string_list_add(&places, place);
    }
    return places;
}

static bool is_on_disk(const struct start *start, const char *path)
{
    for (unsigned i = 0; i < start_folders(start); i++) {
        if (image_is_in(path, target_of(start, i)))
            return true;
    }
    return false;
}

/* Docker would make a missing working folder below what is mounted over it; on the sandbox's disk, its init
 * makes it. */
static bool init_makes_folder(const struct start *start)
{
    return is_on_disk(start, working_dir(start));
}

const char *start_folder(const struct start *start)
{
    return init_makes_folder(start) ? HOME_FOLDER : "";
}

/*
 * The container's. A member of the pool has the one that its image's own command needs, which Docker makes
 * where it is missing; a sandbox that does not need it gets another one from its init (start_folder).
 */
static const char *container_folder(const struct start *start)
{
    const char *dir = start->image.facts.working_dir;
    if (!start->for_pool)
        return init_makes_folder(start) ? HOME_FOLDER : working_dir(start);
    return is_on_disk(start, dir) ? HOME_FOLDER : *dir ? dir : "/";
}

struct init_start *start_command(const struct start *start)
{
    struct init_start *command = mem_zalloc(sizeof *command);
    command->cwd = init_makes_folder(start) ? working_dir(start) : ""; /* "": the container's own */
    if (start->spec.use_image_command) {
        words(command, &start->image.facts.entrypoint);
        words(command, start->spec.command.count ? &start->spec.command : &start->image.facts.command);
    } else {
        words(command, &start->spec.command);
    }
    return command;
}

static void on_not_copied(void *arg)
{
    char why[100];
    snprintf(why, sizeof why, "its image's files were not copied to its disk within %d s",
             COPY_WAIT_MS / 1000);
    start_fail(arg, REASON_START_FAILED, why);
}

static void on_settled(void *arg, int code, const struct err *e)
{
    struct start *start = arg;
    if (!start_answered(start, code == ERR_CANCELLED ? code : 0, e))
        return;
    if (code)
        start_fail(start, REASON_START_FAILED, e->text);
    else
        start_succeed(start);
}

/* A member of the pool is ready once what was copied is on its disk. */
static void settle(struct start *start)
{
    timer_start(&start->timer, start->runtime->agent->loop, COPY_WAIT_MS, on_not_copied, start);
    start_asked(start, STEP_COPY, NULL);
    agent_member_settle(start->runtime, on_settled, start);
}

static void on_no_init(void *arg)
{
    char why[80];
    snprintf(why, sizeof why, "its init did not answer within %d s", INIT_WAIT_MS / 1000);
    start_fail(arg, REASON_START_FAILED, why);
}

static void begin_command(struct start *start)
{
    struct err e;
    if (start->for_pool) {
        settle(start);
        return;
    }
    struct init_start *command = start_command(start);
    int rc = command->argc ? initlink_start(start->runtime->init, command, &e) : 0;
    bool idles = !command->argc;
    if (!idles)
        start_steps(start, STEP_COMMAND); /* waits for STARTED */
    timer_start(&start->timer, start->runtime->agent->loop, INIT_WAIT_MS, on_no_init, start);
    free(command);
    if (rc)
        start_fail(start, REASON_START_FAILED, e.text);
    else if (idles)
        start_succeed(start);
}

static void on_init_started(struct runtime *runtime)
{
    struct start *start = runtime->start;
    if (start->step == STEP_COMMAND)
        start_succeed(start);
}

/* --- copying the image's files in folders that its disk is mounted over --- */

static void on_init_copied(struct runtime *runtime, int error, uint32_t folder)
{
    struct start *start = runtime->start;
    char why[NODE_DETAIL_MAX + 1];
    if (start->step != STEP_COPY || start->busy)
        return;
    timer_stop(&start->timer);
    if (!error) {
        begin_command(start);
        return;
    }
    snprintf(why, sizeof why, "what its image has in folders of its disk %s: %.200s: %s",
             error == ENOSPC ? "does not fit there" : "cannot be copied there",
             folder < start_folders(start) ? target_of(start, folder) : "", strerror(error));
    start_fail(start, REASON_IMAGE_UNAVAILABLE, why);
}

/* To a kernel of its own, as gVisor is, no descriptor of the node can be passed. */
static bool can_copy(const struct start *start)
{
    return !start->runtime->has_no_update && !initlink_is_relayed(start->runtime->init);
}

static void ask_to_copy(struct start *start, int tree)
{
    char *folders = mem_zalloc(VOLUME_FOLDERS_MAX * (IMAGE_PATH_MAX + 1));
    size_t len = 0;
    struct err e;
    for (unsigned i = 0; i < start_folders(start) && tree >= 0; i++)
        len += (size_t)snprintf(folders + len, IMAGE_PATH_MAX + 1, "%s", target_of(start, i)) + 1;
    int rc = initlink_copy(start->runtime->init, tree, folders, len, &e);
    free(folders);
    if (rc)
        start_fail(start, REASON_START_FAILED, e.text);
}

static void on_tree(void *arg, int code, const struct err *e, int tree)
{
    struct start *start = arg;
    if (start_answered(start, code, e))
        ask_to_copy(start, tree);
    if (tree >= 0)
        close(tree);
}

/*
 * Ends its turn: the node's part of the start is done. How long its init copies depends on its image and its
 * own CPU limit, and no other start waits for that.
 */
static void end_turn(struct start *start)
{
    struct agent *agent = start->runtime->agent;
    turn_succeeds(&agent->turns, &start->turn, loop_now_ms());
    turn_end(&agent->turns, &start->turn);
    engine_due(agent->engine);
}

static void on_init_ready(struct runtime *runtime, enum init_main_state state)
{
    struct start *start = runtime->start;
    struct agent *agent = runtime->agent;
    if (start->step < STEP_INIT || start->busy)
        return;
    if (state != INIT_MAIN_FRESH) {
        timer_stop(&start->timer);
        begin_command(start);
        return;
    }
    start_steps(start, STEP_COPY);
    timer_start(&start->timer, agent->loop, COPY_WAIT_MS, on_not_copied, start);
    end_turn(start);
    if (!can_copy(start)) {
        ask_to_copy(start, -1);
        return;
    }
    start_asked(start, STEP_COPY, NULL);
    image_tree_open(agent->worker, &start->runtime->id, start->runtime->pid, on_tree, start);
}

const struct init_waiter start_waiter = {
    .on_ready = on_init_ready, .on_copied = on_init_copied, .on_started = on_init_started};

void start_container_died(struct start *start, int exit_code)
{
    char why[80];
    snprintf(why, sizeof why, "its container ended with code %d before its init answered", exit_code);
    if (start->runtime->of_pool && !start->for_pool)
        start_not_handed_out(start, why);
    else if (start->step >= STEP_INIT)
        start_fail(start, REASON_START_FAILED, why);
}

/* Checked before anything of the user runs: the image is unchanged since the check, and none of it is on the
 * node's own disk. */
static void on_inspected(void *arg, int code, const struct err *error, const struct docker_state *state)
{
    struct start *start = arg;
    struct err e;
    char why[120];
    if (!start_answered(start, code, error))
        return;
    if (!state->running || !state->pid) {
        snprintf(why, sizeof why, "its container ended at once, with code %d", state->exit_code);
        start_fail(start, REASON_START_FAILED, why);
    } else if (state->foreign_mounts) {
        start_fail(start, REASON_IMAGE_UNAVAILABLE,
                   "its image declares a volume that cannot be put on its disk");
    } else if (agent_runtime_attach(start->runtime, state, &e)) {
        start->node_fault = e.code == ERR_IO;
        start_fail(start, REASON_START_FAILED, e.text);
    } else {
        start_steps(start, STEP_INIT);
        timer_start(&start->timer, start->runtime->agent->loop, INIT_WAIT_MS, on_no_init, start);
    }
}

/*
 * Like start_answered. Docker makes and enters the working folder before the image's files are on the disk,
 * so it fails if that folder is a link into a folder of the disk, or a file: then the image is to blame.
 */
static bool is_answered(struct start *start, int code, const struct err *e)
{
    struct err why;
    if (code && (start->spec.use_image_command || start->for_pool) && strstr(e->text, "mkdir") &&
        (strstr(e->text, ": file exists") || strstr(e->text, " is not a directory"))) {
        code = err_set(&why, ERR_IMAGE_UNAVAILABLE,
                       "its image's working folder is a file, or a link into a folder of the disk");
        e = &why;
    }
    return start_answered(start, code, e);
}

static void on_started(void *arg, int code, const struct err *e)
{
    struct start *start = arg;
    if (is_answered(start, code, e))
        start_asked(start, STEP_START,
                    docker_container_inspect(start->runtime->agent->docker, start->container_id,
                                             DOCKER_QUICK_MS, on_inspected, start));
}

static void start_container(struct start *start)
{
    start_asked(
        start, STEP_START,
        docker_container_start(start->runtime->agent->docker, start->container_id, on_started, start));
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

static void look_at_users(struct start *start)
{
    struct agent *agent = start->runtime->agent;
    if (start->user_files < ARRAY_LEN(user_files)) {
        start_asked(start, STEP_CREATE,
                    docker_container_file(agent->docker, start->container_id, user_files[start->user_files++],
                                          on_user_file, start));
        return;
    }
    remember_plain(agent, start->image.id);
    start_container(start);
}

static void on_user_file(void *arg, int code, const struct err *e, const struct docker_file *file)
{
    struct start *start = arg;
    if (!start_answered(start, code == ERR_NOT_FOUND ? 0 : code, e))
        return;
    if (!code && (!file->plain || file->bytes > IMAGE_USERS_BYTES_MAX))
        start_fail(start, REASON_IMAGE_UNAVAILABLE,
                   "its image's list of users or groups is no ordinary file of at most 1 MiB");
    else
        look_at_users(start);
}

static void on_created(void *arg, int code, const struct err *e, const char *id)
{
    struct start *start = arg;
    if (!is_answered(start, code, e))
        return;
    struct agent *agent = start->runtime->agent;
    memcpy(start->container_id, id, sizeof start->container_id);
    reconciler_created(agent->reconciler, &start->runtime->id, id, engine_effects(agent->engine));
    if (is_known_plain(agent, start->image.id))
        start_container(start);
    else
        look_at_users(start);
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

unsigned start_folders(const struct start *start)
{
    return (unsigned)(FIXED_FOLDERS + start->image.facts.volumes.count);
}

static bool is_bound(const struct paths *p, const char *target)
{
    for (size_t i = 0; i < p->count; i++) {
        if (!strcmp(p->bind[i].target, target))
            return true;
    }
    return false;
}

static void bind_all(const struct start *start, struct paths *p)
{
    const struct runtime *runtime = start->runtime;
    snprintf(p->link, sizeof p->link, "%s/%s", runtime->agent->links_dir, runtime->id.text);
    bind_add(p, runtime->agent->init_path, INIT_BINARY_PATH, true);
    bind_add(p, p->link, INIT_LINK_FOLDER, true);
    for (unsigned i = 0; i < start_folders(start); i++) {
        const char *target = target_of(start, i);
        volume_folder(runtime->agent->volumes, &runtime->id, i, p->folder[i]);
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
struct string_list start_environment(const struct start *start)
{
    struct string_list env = {0};
    string_list_add(&env, "HOME=" HOME_FOLDER);
    for (size_t i = 0; i < start->spec.env.count; i++) {
        if (!strncmp(start->spec.env.item[i], "HOME=", strlen("HOME=")))
            string_list_fini(&env);
    }
    for (size_t i = 0; i < start->spec.env.count; i++)
        string_list_add(&env, start->spec.env.item[i]);
    return env;
}

void start_contain(struct start *start)
{
    struct runtime *runtime = start->runtime;
    struct agent *agent = runtime->agent;
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &runtime->id);
    struct paths *paths = mem_zalloc(sizeof *paths);
    char expires[RFC3339_LEN + 1], device[VOLUME_PATH_MAX];
    uint64_t now = loop_now_ms();
    bind_all(start, paths);
    struct docker_container c = {.name = runtime->id.text,
                                 .image = start->spec.image,
                                 .env = start_environment(start),
                                 .working_dir = container_folder(start),
                                 .binds = paths->bind,
                                 .bind_count = paths->count,
                                 .limits = record->limits,
                                 .shm_bytes = start->spec.shm_bytes,
                                 .network = "none",
                                 .runtime = start->spec.runtime,
                                 .cgroup_parent = agent->conf->cgroup_parent,
                                 .seccomp = agent->seccomp,
                                 .masked = &agent->masked,
                                 .read_only = &agent->read_only,
                                 .own_cgroups = true,
                                 .disk_limits = {agent->conf->disk_read_bytes, agent->conf->disk_write_bytes,
                                                 agent->conf->disk_operations}};
    if (start->for_pool)
        c.limits.nofile =
            0; /* Docker's own: lowered at the hand-out, since raising it needs CAP_SYS_RESOURCE */
    if (volume_device(agent->volumes, &runtime->id, device))
        c.disk_device = device;
    rfc3339_format(wall_now_ms() + (record->deadline_ms > now ? record->deadline_ms - now : 0), expires);
    string_list_add(&c.entrypoint, INIT_BINARY_PATH);
    if (runtime->kernel)
        string_list_add(&c.entrypoint, INIT_ARG_LISTEN);
    label_add(&c.labels, "corral.sandbox", runtime->id.text);
    label_add(&c.labels, "corral.node", agent->node);
    label_add(&c.labels, "corral.cluster", agent->conf->cluster);
    label_add(&c.labels, "corral.expires_at", expires);
    if (start->for_pool)
        label_add(&c.labels, "corral.pool", "true");
    start_asked(start, STEP_CREATE, docker_container_create(agent->docker, &c, on_created, start));
    string_list_fini(&c.env);
    string_list_fini(&c.entrypoint);
    string_list_fini(&c.labels);
    free(paths);
}
