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

#define DISK_WAIT_MS  60000
#define INIT_WAIT_MS  30000 /* for its init to come, once the container runs */
#define FIXED_FOLDERS 2     /* /workspace and /tmp; the image's own volumes follow */

/* In their order; what is said where it ends in the middle of one. Each has its own limit in time. */
enum maker_step { STEP_LOOK, STEP_PULL, STEP_TURN, STEP_DISK, STEP_CREATE, STEP_START, STEP_INIT };
static const char *const was[] = {
    [STEP_LOOK] = "its image was being looked up",
    [STEP_PULL] = "its image was still being pulled",
    [STEP_TURN] = "it was waiting for its turn to start",
    [STEP_DISK] = "its disk was still being made",
    [STEP_CREATE] = "its container was still being created",
    [STEP_START] = "its container was still being started",
    [STEP_INIT] = "its init had not answered yet",
};

struct maker {
    struct holder *holder;    /* NULL: it is over, and the call under way is the last one */
    struct sandbox_spec spec; /* image: its whole name */
    struct image_ref ref;
    struct docker_image image;
    char container_id[DOCKER_ID_LEN + 1];
    enum maker_step step;
    struct timer timer;
    struct turn turn;
    struct docker_call *call; /* under way, or NULL */
    bool busy;                /* a call or a job of the disk is under way */
    bool pulled;
    bool host_fault;     /* where it fails, this host is to blame */
    bool suspect;        /* or its image, which may be made so that Docker hangs */
    unsigned user_files; /* that were looked at */
};

static void maker_fini(struct maker *m)
{
    sandbox_spec_fini(&m->spec);
    docker_image_fini(&m->image);
    free(m);
}

void maker_free(struct maker *m)
{
    if (!m)
        return;
    timer_stop(&m->timer);
    turn_end(&m->holder->agent->turns, &m->turn);
    m->holder = NULL;
    if (m->call)
        docker_cancel(m->call);
    if (!m->busy)
        maker_fini(m);
}

/* What Docker was asked to do it may do after all, also when nobody waits for it any more. */
static bool may_come_late(const struct maker *m)
{
    return m->step == STEP_CREATE || m->step == STEP_START;
}

static void finish(struct maker *m, const struct box_made *made)
{
    struct holder *h = m->holder;
    struct agent *agent = h->agent;
    struct sandbox_id id = h->id;
    h->maker = NULL;
    h->may_come_late |= m->busy && may_come_late(m);
    maker_free(m);
    keeper_made(agent->keeper, loop_now_ms(), &id, made, &agent->effects);
    agent_next_turns(agent);
    agent_run_effects(agent);
}

static void fail(struct maker *m, enum sandbox_reason reason, const char *why)
{
    struct box_made made = {.reason = reason, .host_fault = m->host_fault};
    log_warn("agent", "sandbox=%s did not start: %s", m->holder->id.text, why);
    snprintf(made.detail, sizeof made.detail, "%s", why);
    if (m->suspect && m->spec.user)
        snprintf(made.suspect, sizeof made.suspect, "%s", m->spec.user);
    finish(m, &made);
}

static void succeed(struct maker *m)
{
    struct box_made made = {.ok = true, .enforced = m->holder->agent->enforces};
    finish(m, &made);
}

/* How it stands is the beginning of the sentence; how it ended says the heart. */
void maker_abort(struct maker *m)
{
    fail(m, REASON_START_FAILED, was[m->step]);
}

static void fail_by_docker(struct maker *m, int code, const struct err *e)
{
    char why[120];
    enum sandbox_reason reason =
        code == ERR_IMAGE_UNAVAILABLE ? REASON_IMAGE_UNAVAILABLE : REASON_START_FAILED;
    snprintf(why, sizeof why, "%s, and Docker did not answer in time", was[m->step]);
    m->suspect = code == ERR_NODE_TIMEOUT && may_come_late(m);
    m->host_fault |= code == ERR_NODE_TIMEOUT || (code == ERR_IO && may_come_late(m));
    m->holder->may_come_late |= may_come_late(m) && (code == ERR_NODE_TIMEOUT || code == ERR_IO);
    fail(m, reason, code == ERR_NODE_TIMEOUT ? why : e->text);
}

/* Called first in each answer: false where nobody waits for it any more. */
static bool answered(struct maker *m, int code, const struct err *e)
{
    m->busy = false;
    m->call = NULL;
    if (!m->holder)
        maker_fini(m);
    else if (code && code != ERR_CANCELLED)
        fail_by_docker(m, code, e);
    else
        return !code; /* m is gone where not, but for an agent that is stopping */
    return false;
}

static void asked(struct maker *m, enum maker_step step, struct docker_call *call)
{
    m->step = step;
    m->call = call;
    m->busy = true;
}

/* --- the command --- */

static void words(struct init_start *start, const struct string_list *list)
{
    for (size_t i = 0; i < list->count && start->argc < INIT_STRINGS_MAX; i++) /* that fit, as was seen */
        start->argv[start->argc++] = list->item[i];
}

static struct init_start *command_of(const struct maker *m)
{
    struct init_start *start = mem_zalloc(sizeof *start);
    start->cwd = ""; /* /workspace */
    if (m->spec.use_image_command) {
        start->cwd = m->image.facts.working_dir;
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
    fail(arg, REASON_START_FAILED, why);
}

void maker_init_ready(struct maker *m, enum init_main_state state)
{
    struct err e;
    if (m->step != STEP_INIT)
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
    if (m->step == STEP_INIT)
        succeed(m);
}

void maker_container_died(struct maker *m, int exit_code)
{
    char why[80];
    snprintf(why, sizeof why, "its container ended with code %d before its init answered", exit_code);
    if (m->step == STEP_INIT)
        fail(m, REASON_START_FAILED, why);
}

/* Before anything of its user's runs: the image is as it was seen, and none of it is on the node's own disk.
 */
static void on_inspected(void *arg, int code, const struct err *error, const struct docker_state *state)
{
    struct maker *m = arg;
    struct err e;
    char why[120];
    if (!answered(m, code, error))
        return;
    if (!state->running || !state->pid) {
        snprintf(why, sizeof why, "its container ended at once, with code %d", state->exit_code);
        fail(m, REASON_START_FAILED, why);
    } else if (state->foreign_mounts) {
        fail(m, REASON_IMAGE_UNAVAILABLE, "its image declares a volume that cannot be put on its disk");
    } else if (agent_holder_attach(m->holder, state, &e)) {
        fail(m, REASON_START_FAILED, e.text);
    } else {
        m->step = STEP_INIT;
        timer_start(&m->timer, m->holder->agent->loop, INIT_WAIT_MS, on_no_init, m);
    }
}

static void on_started(void *arg, int code, const struct err *e)
{
    struct maker *m = arg;
    if (answered(m, code, e))
        asked(m, STEP_START,
              docker_container_inspect(m->holder->agent->docker, m->container_id, DOCKER_QUICK_MS,
                                       on_inspected, m));
}

static void start_container(struct maker *m)
{
    asked(m, STEP_START, docker_container_start(m->holder->agent->docker, m->container_id, on_started, m));
}

/*
 * Docker reads the image's files of users before it starts a container, whatever they are: at a pipe it waits
 * for ever, with the container locked, and of a file without an end it remembers all lines. So they are
 * looked at first, once an image.
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

static void look_at_users(struct maker *m)
{
    struct agent *agent = m->holder->agent;
    if (m->user_files < ARRAY_LEN(user_files)) {
        asked(m, STEP_CREATE,
              docker_container_file(agent->docker, m->container_id, user_files[m->user_files++], on_user_file,
                                    m));
        return;
    }
    remember_plain(agent, m->image.id);
    start_container(m);
}

static void on_user_file(void *arg, int code, const struct err *e, const struct docker_file *file)
{
    struct maker *m = arg;
    if (!answered(m, code == ERR_NOT_FOUND ? 0 : code, e))
        return;
    if (!code && (!file->plain || file->bytes > IMAGE_USERS_BYTES_MAX))
        fail(m, REASON_IMAGE_UNAVAILABLE,
             "its image's list of users or groups is no ordinary file of at most 1 MiB");
    else
        look_at_users(m);
}

static void on_created(void *arg, int code, const struct err *e, const char *id)
{
    struct maker *m = arg;
    if (!answered(m, code, e))
        return;
    struct agent *agent = m->holder->agent;
    memcpy(m->container_id, id, sizeof m->container_id);
    keeper_created(agent->keeper, &m->holder->id, id, &agent->effects);
    if (is_known_plain(agent, m->image.id))
        start_container(m);
    else
        look_at_users(m);
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

/* As many as the image was let declare. */
static unsigned folders_of(const struct maker *m)
{
    return (unsigned)(FIXED_FOLDERS + m->image.facts.volumes.count);
}

static bool is_bound(const struct paths *p, const char *target)
{
    for (size_t i = 0; i < p->count; i++) {
        if (image_same_folder(p->bind[i].target, target))
            return true;
    }
    return false;
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
                                      : m->image.facts.volumes.item[i - FIXED_FOLDERS];
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
    asked(m, STEP_CREATE, docker_container_create(agent->docker, &c, on_created, m));
    string_list_fini(&c.entrypoint);
    string_list_fini(&c.labels);
    free(paths);
}

static void on_disk(void *arg, int code, const struct err *error)
{
    struct maker *m = arg;
    struct err e;
    m->host_fault = code;
    if (!answered(m, code, error))
        return;
    timer_stop(&m->timer);
    m->host_fault = agent_holder_listen(m->holder, &e);
    if (m->host_fault)
        fail(m, REASON_START_FAILED, e.text);
    else
        create_container(m);
}

static void on_no_disk(void *arg)
{
    char why[80];
    struct maker *m = arg;
    m->host_fault = true;
    snprintf(why, sizeof why, "its disk was not made within %d s", DISK_WAIT_MS / 1000);
    fail(m, REASON_START_FAILED, why);
}

/* --- its turn: what follows takes the host's processors, what came before only waited for others --- */

static void make_disk(struct maker *m)
{
    struct agent *agent = m->holder->agent;
    const struct box_record *record = keeper_find(agent->keeper, &m->holder->id);
    asked(m, STEP_DISK, NULL);
    timer_start(&m->timer, agent->loop, DISK_WAIT_MS, on_no_disk, m);
    volume_make(agent->volumes, &m->holder->id, record->limits.storage_bytes, folders_of(m), on_disk, m);
}

void agent_next_turns(struct agent *agent)
{
    struct turn *turn;
    while ((turn = turns_next(&agent->turns, loop_now_ms())))
        make_disk((struct maker *)((char *)turn - offsetof(struct maker, turn)));
}

/* --- the image --- */

static void on_image(void *arg, int code, const struct err *e, const struct docker_image *image);

static void look(struct maker *m)
{
    asked(m, STEP_LOOK, docker_image_inspect(m->holder->agent->docker, m->spec.image, on_image, m));
}

static void on_pulled(void *arg, int code, const struct err *e)
{
    struct maker *m = arg;
    m->host_fault |= code == ERR_IO;
    if (!answered(m, code, e))
        return;
    m->pulled = true;
    look(m);
}

/* It is not here. */
static void pull(struct maker *m, const char *said)
{
    struct agent *agent = m->holder->agent;
    char why[NODE_DETAIL_MAX + 1];
    if (m->pulled)
        snprintf(why, sizeof why, "the image cannot be pulled: it is not there after it came: %.100s", said);
    if (m->pulled || !agent_may_pull(agent, &m->ref, why)) {
        fail(m, REASON_IMAGE_UNAVAILABLE, why);
        return;
    }
    struct docker_pull_bounds bounds = agent_pull_bounds(agent);
    asked(m, STEP_PULL, docker_image_pull(agent->docker, m->spec.image, &bounds, on_pulled, m));
}

/* What was pulled for it, or was here: whether it may be used. */
static bool image_is_good(struct maker *m, const struct docker_image *image,
                          char why[static NODE_DETAIL_MAX + 1])
{
    struct agent *agent = m->holder->agent;
    if (m->pulled && !agent_may_keep(agent, image, why)) {
        agent_image_refuse(agent, m->spec.image, image->id);
        return false;
    }
    if (m->pulled)
        agent_image_pulled(agent, m->spec.image, image->id);
    else
        agent_image_used(agent, m->spec.image);
    return image_fits(&image->facts, m->spec.use_image_command, why);
}

static void on_image(void *arg, int code, const struct err *e, const struct docker_image *image)
{
    struct maker *m = arg;
    bool absent = code == ERR_NOT_FOUND && m->holder;
    char why[NODE_DETAIL_MAX + 1];
    if (!answered(m, absent ? 0 : code, e))
        return;
    if (absent || !image_has_name(&image->names, &m->ref)) {
        pull(m, absent ? e->text : "what Docker has by its name has another");
        return;
    }
    if (!image_is_good(m, image, why)) {
        fail(m, REASON_IMAGE_UNAVAILABLE, why);
        return;
    }
    struct agent *agent = m->holder->agent;
    docker_image_copy(&m->image, image);
    m->step = STEP_TURN;
    turn_ask(&agent->turns, &m->turn, m->spec.user ? m->spec.user : "");
    agent_next_turns(agent);
}

/* --- the beginning --- */

static void on_cannot(void *arg)
{
    struct maker *m = arg;
    m->host_fault = !m->holder->agent->docker_ready;
    fail(m, REASON_START_FAILED,
         "its host cannot make it now: Docker does not answer, or the request is not readable");
}

static void on_no_name(void *arg)
{
    fail(arg, REASON_IMAGE_UNAVAILABLE, "its image's name is none");
}

/* Whatever a controller makes of names: Docker would take a short one for the beginning of an image's id. */
static bool take_name(struct maker *m)
{
    char full[IMAGE_REF_FULL_MAX];
    if (!m->spec.image || !image_ref_parse(m->spec.image, &m->ref))
        return false;
    image_ref_full(&m->ref, full);
    free(m->spec.image);
    m->spec.image = mem_strdup(full);
    return true;
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
    if (take_name(m))
        look(m);
    else
        timer_start(&m->timer, agent->loop, 0, on_no_name, m);
}
