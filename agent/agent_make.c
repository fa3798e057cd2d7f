/* The life of a making, and its steps up to the disk: image, turn, disk. */
#include "agent/agent_make.h"

#include "common/log.h"
#include "common/mem.h"
#include "common/plain_words.h"
#include "proto/node_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISK_WAIT_MS 60000

static const char *const was[] = {
    [STEP_LOOK] = "its image was being looked up",
    [STEP_PULL] = "its image was still being pulled",
    [STEP_TURN] = "it was waiting for its turn to start",
    [STEP_DISK] = "its disk was still being made",
    [STEP_CREATE] = "its container was still being created",
    [STEP_START] = "its container was still being started",
    [STEP_INIT] = "its init had not answered yet",
    [STEP_COPY] = "its image's files were still being copied to its disk",
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
    keeper_made(agent->keeper, loop_now_ms(), &id, made, engine_effects(agent->engine));
}

void maker_fail(struct maker *m, enum sandbox_reason reason, const char *why)
{
    struct box_made made = {.reason = reason, .host_fault = m->host_fault};
    log_warn("agent", "sandbox=%s did not start: %s", m->holder->id.text, why);
    if (strlen(why) > NODE_DETAIL_MAX) /* paths are long, and hidden anyhow: what it was stands behind them */
        plain_words(why, made.detail, sizeof made.detail);
    else
        snprintf(made.detail, sizeof made.detail, "%s", why);
    if (m->suspect && m->spec.user)
        snprintf(made.suspect, sizeof made.suspect, "%s", m->spec.user);
    finish(m, &made);
}

void maker_succeed(struct maker *m)
{
    struct box_made made = {.ok = true, .enforced = m->holder->agent->enforces};
    finish(m, &made);
}

/* How it stands is the beginning of the sentence; how it ended says the heart. */
void maker_abort(struct maker *m)
{
    maker_fail(m, REASON_START_FAILED, was[m->step]);
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
    maker_fail(m, reason, code == ERR_NODE_TIMEOUT ? why : e->text);
}

bool maker_answered(struct maker *m, int code, const struct err *e)
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

void maker_asked(struct maker *m, enum maker_step step, struct docker_call *call)
{
    m->step = step;
    m->call = call;
    m->busy = true;
}

static void on_disk(void *arg, int code, const struct err *error)
{
    struct maker *m = arg;
    struct err e;
    m->host_fault = code && code != ERR_IMAGE_UNAVAILABLE;
    if (!maker_answered(m, code, error))
        return;
    timer_stop(&m->timer);
    m->host_fault = agent_holder_listen(m->holder, &e);
    if (m->host_fault)
        maker_fail(m, REASON_START_FAILED, e.text);
    else
        maker_contain(m);
}

static void on_no_disk(void *arg)
{
    char why[80];
    struct maker *m = arg;
    m->host_fault = true;
    snprintf(why, sizeof why, "its disk was not made within %d s", DISK_WAIT_MS / 1000);
    maker_fail(m, REASON_START_FAILED, why);
}

/* --- its turn: what follows takes the host's processors, what came before only waited for others --- */

static void make_disk(struct maker *m)
{
    struct agent *agent = m->holder->agent;
    const struct box_record *record = keeper_find(agent->keeper, &m->holder->id);
    maker_asked(m, STEP_DISK, NULL);
    timer_start(&m->timer, agent->loop, DISK_WAIT_MS, on_no_disk, m);
    struct string_list places = maker_places(m);
    volume_make(agent->volumes, &m->holder->id, record->limits.storage_bytes, maker_folders(m), &places,
                on_disk, m);
    string_list_fini(&places);
}

void agent_next_turns(struct agent *agent)
{
    struct turn *turn;
    while ((turn = turns_next(&agent->turns, loop_now_ms())))
        make_disk((struct maker *)((char *)turn - offsetof(struct maker, turn)));
}

/* --- the image --- */

static const char *user_of(const struct maker *m)
{
    return m->spec.user ? m->spec.user : "";
}

static void on_image(void *arg, int code, const struct err *e, const struct docker_image *image);

static void look(struct maker *m)
{
    maker_asked(m, STEP_LOOK, docker_image_inspect(m->holder->agent->docker, m->spec.image, on_image, m));
}

static void on_pulled(void *arg, int code, const struct err *e)
{
    struct maker *m = arg;
    m->host_fault |= code == ERR_IO;
    if (!maker_answered(m, code, e))
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
        maker_fail(m, REASON_IMAGE_UNAVAILABLE, why);
        return;
    }
    struct docker_pull_bounds bounds = agent_pull_bounds(agent, user_of(m));
    maker_asked(m, STEP_PULL, docker_image_pull(agent->docker, m->spec.image, &bounds, on_pulled, m));
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
    bool narrow =
        docker_seccomp_takes_narrow(agent->seccomp) && !m->holder->has_no_update; /* nor has gVisor */
    struct image_use use = {m->spec.use_image_command, m->spec.command.count, agent->docker_facts.arch,
                            narrow};
    return image_fits(&image->facts, &use, why);
}

static void on_image(void *arg, int code, const struct err *e, const struct docker_image *image)
{
    struct maker *m = arg;
    bool absent = code == ERR_NOT_FOUND && m->holder;
    char why[NODE_DETAIL_MAX + 1];
    if (!maker_answered(m, absent ? 0 : code, e))
        return;
    if (absent || !image_has_name(&image->names, &m->ref)) {
        pull(m, absent ? e->text : "what Docker has by its name has another");
        return;
    }
    if (!image_is_good(m, image, why)) {
        maker_fail(m, REASON_IMAGE_UNAVAILABLE, why);
        return;
    }
    struct agent *agent = m->holder->agent;
    docker_image_copy(&m->image, image);
    image_tidy(&m->image.facts);
    m->step = STEP_TURN;
    turn_ask(&agent->turns, &m->turn, user_of(m));
    engine_due(agent->engine);
}

/* --- the beginning --- */

static void on_cannot(void *arg)
{
    struct maker *m = arg;
    m->host_fault = !m->holder->agent->docker_ready;
    maker_fail(m, REASON_START_FAILED,
               "its host cannot make it now: Docker does not answer, or the request is not readable");
}

static void on_no_name(void *arg)
{
    maker_fail(arg, REASON_IMAGE_UNAVAILABLE, "its image's name is none");
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
