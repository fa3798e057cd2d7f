#include "agent/sandbox/start.h"

#include "agent/agent_state.h"
#include "agent/node/images.h"
#include "agent/sandbox/attach.h"
#include "agent/sandbox/start_container.h"
#include "agent/sandbox/start_step.h"

#include "common/io/log.h"
#include "common/base/mem.h"
#include "proto/node_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISK_WAIT_MS 60000

static void on_disk(void *arg, int code, const struct err *error)
{
    struct start *m = arg;
    struct err e;
    m->node_fault = code && code != ERR_IMAGE_UNAVAILABLE;
    if (!start_answered(m, code, error))
        return;
    timer_stop(&m->timer);
    m->node_fault = agent_runtime_listen(m->runtime, &e);
    if (m->node_fault)
        start_fail(m, REASON_START_FAILED, e.text);
    else
        start_contain(m);
}

static void on_no_disk(void *arg)
{
    char why[80];
    struct start *m = arg;
    m->node_fault = true;
    snprintf(why, sizeof why, "its disk was not made within %d s", DISK_WAIT_MS / 1000);
    start_fail(m, REASON_START_FAILED, why);
}

/* --- its turn: from here on its start uses the node's processors; before, it only waited --- */

static void make_disk(struct start *m)
{
    struct agent *agent = m->runtime->agent;
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &m->runtime->id);
    start_asked(m, STEP_DISK, NULL);
    timer_start(&m->timer, agent->loop, DISK_WAIT_MS, on_no_disk, m);
    struct string_list places = start_places(m);
    volume_make(agent->volumes, &m->runtime->id, record->limits.storage_bytes, start_folders(m), &places,
                on_disk, m);
    string_list_fini(&places);
}

void agent_next_turns(struct agent *agent)
{
    struct turn *turn;
    while ((turn = turns_next(&agent->turns, loop_now_ms())))
        make_disk((struct start *)((char *)turn - offsetof(struct start, turn)));
}

/* --- the image --- */

static const char *user_of(const struct start *m)
{
    return m->spec.user ? m->spec.user : "";
}

static void on_image(void *arg, int code, const struct err *e, const struct docker_image *image);

static void look(struct start *m)
{
    start_asked(m, STEP_INSPECT, docker_image_inspect(m->runtime->agent->docker, m->spec.image, on_image, m));
}

static void on_pulled(void *arg, int code, const struct err *e)
{
    struct start *m = arg;
    m->node_fault |= code == ERR_IO;
    if (!start_answered(m, code, e))
        return;
    m->pulled = true;
    look(m);
}

/* The image is not here: pulls it. */
static void pull(struct start *m, const char *said)
{
    struct agent *agent = m->runtime->agent;
    char why[NODE_DETAIL_MAX + 1];
    if (m->pulled)
        snprintf(why, sizeof why, "the image cannot be pulled: it is missing after its pull: %.100s", said);
    if (m->pulled || !agent_may_pull(agent, &m->ref, why)) {
        start_fail(m, REASON_IMAGE_UNAVAILABLE, why);
        return;
    }
    struct docker_pull_bounds bounds = agent_pull_bounds(agent, user_of(m));
    start_asked(m, STEP_PULL, docker_image_pull(agent->docker, m->spec.image, &bounds, on_pulled, m));
}

/* Whether the image, pulled or already here, may be used. */
static bool image_is_good(struct start *m, const struct docker_image *image,
                          char why[static NODE_DETAIL_MAX + 1])
{
    struct agent *agent = m->runtime->agent;
    if (m->pulled && !agent_may_keep(agent, image, why)) {
        agent_image_refuse(agent, m->spec.image, image->id);
        return false;
    }
    if (m->pulled)
        agent_image_pulled(agent, m->spec.image, image->id);
    else
        agent_image_used(agent, m->spec.image);
    bool narrow = docker_seccomp_takes_narrow(agent->seccomp) &&
                  !m->runtime->has_no_update; /* gVisor does not allow them either */
    struct image_use use = {m->spec.use_image_command, m->spec.command.count, agent->docker_facts.arch,
                            narrow};
    return image_fits(&image->facts, &use, why);
}

static void on_image(void *arg, int code, const struct err *e, const struct docker_image *image)
{
    struct start *m = arg;
    bool absent = code == ERR_NOT_FOUND && m->runtime;
    char why[NODE_DETAIL_MAX + 1];
    if (!start_answered(m, absent ? 0 : code, e))
        return;
    if (absent || !image_has_name(&image->names, &m->ref)) {
        pull(m, absent ? e->text : "Docker's image of this name has another name");
        return;
    }
    if (!image_is_good(m, image, why)) {
        start_fail(m, REASON_IMAGE_UNAVAILABLE, why);
        return;
    }
    struct agent *agent = m->runtime->agent;
    docker_image_copy(&m->image, image);
    image_tidy(&m->image.facts);
    m->step = STEP_TURN;
    turn_ask(&agent->turns, &m->turn, user_of(m));
    engine_due(agent->engine);
}

/* --- the first step --- */

static void on_cannot(void *arg)
{
    struct start *m = arg;
    m->node_fault = !m->runtime->agent->docker_ready;
    start_fail(m, REASON_START_FAILED,
               "its node cannot make it now: Docker does not answer, or the request is not readable");
}

static void on_no_name(void *arg)
{
    start_fail(arg, REASON_IMAGE_UNAVAILABLE, "its image's name is not valid");
}

/* Checks the name whatever the controller sent: Docker would take a short one for the beginning of an image's
 * id. */
static bool take_name(struct start *m)
{
    char full[IMAGE_REF_FULL_MAX];
    if (!m->spec.image || !image_ref_parse(m->spec.image, &m->ref))
        return false;
    image_ref_full(&m->ref, full);
    free(m->spec.image);
    m->spec.image = mem_strdup(full);
    return true;
}

void agent_begin_start(struct runtime *h)
{
    struct agent *agent = h->agent;
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &h->id);
    struct start *m = mem_zalloc(sizeof *m);
    struct err e;
    m->runtime = h;
    h->start = m;
    h->waiter = &start_waiter;
    if (!agent->docker_ready || sandbox_spec_unpack(record->spec, record->spec_len, &m->spec, &e)) {
        timer_start(&m->timer, agent->loop, 0, on_cannot, m);
        return;
    }
    agent_runtime_take_spec(h, &m->spec);
    if (take_name(m))
        look(m);
    else
        timer_start(&m->timer, agent->loop, 0, on_no_name, m);
}
