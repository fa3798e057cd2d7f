#include "agent/sandbox/start.h"

#include "agent/agent_state.h"
#include "agent/node/images.h"
#include "agent/sandbox/attach.h"
#include "agent/sandbox/environment.h"
#include "agent/sandbox/start_container.h"
#include "agent/sandbox/start_step.h"

#include "common/io/log.h"
#include "common/base/mem.h"
#include "proto/node_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISK_WAIT_MS  60000
#define LOGIN_WAIT_MS 10000 /* after the agent's start, for the controller to tell logins */
#define LOGIN_LOOK_MS 100

static void on_disk(void *arg, int code, const struct err *error)
{
    struct start *start = arg;
    struct err e;
    start->node_fault = code && code != ERR_IMAGE_UNAVAILABLE;
    if (!start_answered(start, code, error))
        return;
    timer_stop(&start->timer);
    start->node_fault = agent_runtime_listen(start->runtime, &e);
    if (start->node_fault)
        start_fail(start, REASON_START_FAILED, e.text);
    else
        start_contain(start);
}

static void on_no_disk(void *arg)
{
    char why[80];
    struct start *start = arg;
    start->node_fault = true;
    snprintf(why, sizeof why, "its disk was not made within %d s", DISK_WAIT_MS / 1000);
    start_fail(start, REASON_START_FAILED, why);
}

/* --- its turn: from here on its start uses the node's processors; before, it only waited --- */

static void make_disk(struct start *start)
{
    struct agent *agent = start->runtime->agent;
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &start->runtime->id);
    start_asked(start, STEP_DISK, NULL);
    timer_start(&start->timer, agent->loop, DISK_WAIT_MS, on_no_disk, start);
    struct string_list places = start_places(start);
    volume_make(agent->volumes, &start->runtime->id, record->limits.storage_bytes, start_folders(start),
                &places, on_disk, start);
    string_list_fini(&places);
}

void agent_next_turns(struct agent *agent)
{
    struct turn *turn;
    while ((turn = turns_next(&agent->turns, loop_now_ms())))
        make_disk((struct start *)((char *)turn - offsetof(struct start, turn)));
}

struct waiting {
    size_t count;
    uint64_t now, longest_ms;
};

static void add_waiting(void *arg, const struct turn *turn)
{
    struct waiting *waiting = arg;
    const struct start *start = (const struct start *)((const char *)turn - offsetof(struct start, turn));
    uint64_t ms = waiting->now - start->watch.since_ms;
    waiting->count++;
    if (ms > waiting->longest_ms)
        waiting->longest_ms = ms;
}

void agent_tell_turns(struct agent *agent)
{
    struct waiting waiting = {.now = loop_now_ms()};
    turns_each_waiting(&agent->turns, add_waiting, &waiting);
    uplink_starts_waiting(agent->uplink, waiting.count, waiting.longest_ms);
}

/* --- the image --- */

static const char *user_of(const struct start *start)
{
    return start->spec.user ? start->spec.user : "";
}

static void on_image(void *arg, int code, const struct err *e, const struct docker_image *image);

static void look(struct start *start)
{
    start->image_changes = start->runtime->agent->image_changes;
    start_asked(start, STEP_INSPECT,
                docker_image_inspect(start->runtime->agent->docker, start->spec.image, on_image, start));
}

static void on_pulled(void *arg, int code, const struct err *e)
{
    struct start *start = arg;
    start->node_fault |= code == ERR_IO;
    if (!start_answered(start, code, e))
        return;
    start->pulled = true;
    look(start);
}

/* Logins are not kept on disk: a start that an earlier agent began waits for the controller to tell them, as
 * long as it may be about to come. */
static bool must_wait(const struct agent *agent)
{
    return !agent->told && loop_now_ms() - agent->started_ms < LOGIN_WAIT_MS;
}

static void on_may_be_told(void *arg)
{
    look(arg);
}

/* The image is not here: pulls it. */
static void pull(struct start *start, const char *said)
{
    struct agent *agent = start->runtime->agent;
    char why[NODE_DETAIL_MAX + 1];
    if (start->for_pool) {
        start_fail(start, REASON_IMAGE_UNAVAILABLE, "the image is not here, and the warm pool pulls none");
        return;
    }
    if (start->pulled)
        snprintf(why, sizeof why, "the image cannot be pulled: it is missing after its pull: %.100s", said);
    if (start->pulled || !agent_may_pull(agent, &start->ref, why)) {
        start_fail(start, REASON_IMAGE_UNAVAILABLE, why);
        return;
    }
    if (must_wait(agent)) {
        timer_start(&start->timer, agent->loop, LOGIN_LOOK_MS, on_may_be_told, start);
        return;
    }
    struct docker_pull_bounds bounds = agent_pull_bounds(agent, user_of(start));
    bounds.login = login_table_find(&agent->logins, loop_now_ms(), start->ref.registry);
    start_asked(start, STEP_PULL,
                docker_image_pull(agent->docker, start->spec.image, &bounds, on_pulled, start));
}

/* Whether the image, pulled or already here, may be used. */
static bool image_is_good(struct start *start, const struct docker_image *image,
                          char why[static NODE_DETAIL_MAX + 1])
{
    struct agent *agent = start->runtime->agent;
    if (start->pulled && !agent_may_keep(agent, image, why)) {
        agent_image_refuse(agent, start->spec.image, image->id);
        return false;
    }
    if (start->pulled)
        agent_image_pulled(agent, start->spec.image, image->id);
    else
        agent_image_used(agent, start->spec.image);
    bool narrow = docker_seccomp_takes_narrow(agent->seccomp) &&
                  !start->runtime->has_no_update; /* gVisor does not allow them either */
    struct image_use use = {start->spec.use_image_command, start->spec.command.count,
                            agent->docker_facts.arch, narrow};
    return image_fits(&image->facts, &use, why);
}

static void on_image(void *arg, int code, const struct err *e, const struct docker_image *image)
{
    struct start *start = arg;
    bool absent = code == ERR_NOT_FOUND && start->runtime;
    char why[NODE_DETAIL_MAX + 1];
    if (!start_answered(start, absent ? 0 : code, e))
        return;
    if (absent || !image_has_name(&image->names, &start->ref)) {
        pull(start, absent ? e->text : "Docker's image of this name has another name");
        return;
    }
    if (!image_is_good(start, image, why)) {
        start_fail(start, REASON_IMAGE_UNAVAILABLE, why);
        return;
    }
    struct agent *agent = start->runtime->agent;
    docker_image_copy(&start->image, image);
    image_tidy(&start->image.facts);
    start_steps(start, STEP_TURN);
    if (start->for_pool)
        turn_ask_last(&agent->turns, &start->turn);
    else
        turn_ask(&agent->turns, &start->turn, user_of(start));
    engine_due(agent->engine);
}

bool agent_runtime_starts_with(const struct agent *agent, const char *image_id)
{
    struct runtime *runtime, *next;
    HASH_ITER(hh, agent->runtimes, runtime, next)
    {
        if (runtime->start && !strcmp(runtime->start->image.id, image_id))
            return true;
    }
    return false;
}

/* --- the first step --- */

static void on_cannot(void *arg)
{
    struct start *start = arg;
    start->node_fault = !start->runtime->agent->docker_ready;
    start_fail(start, REASON_START_FAILED,
               "its node cannot make it now: Docker does not answer, or the request is not readable");
}

static void on_no_environment(void *arg)
{
    struct start *start = arg;
    struct err e = {0};
    char why[NODE_DETAIL_MAX + 1];
    (void)!agent_environment_open(start->runtime->agent, &start->runtime->id, &start->spec, &e);
    snprintf(why, sizeof why, "its environment cannot be opened: %.180s", e.text);
    start_fail(start, REASON_START_FAILED, why);
}

/* gVisor has a kernel of its own, whose limits cannot be changed from outside. */
static void on_no_member(void *arg)
{
    start_fail(arg, REASON_START_FAILED, "a container of this runtime cannot be made for the warm pool");
}

static void on_no_name(void *arg)
{
    start_fail(arg, REASON_IMAGE_UNAVAILABLE, "its image's name is not valid");
}

void agent_begin_start(struct runtime *runtime)
{
    struct agent *agent = runtime->agent;
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &runtime->id);
    struct start *start = mem_zalloc(sizeof *start);
    struct err e;
    start->runtime = runtime;
    start->for_pool = runtime->of_pool = record->pooled;
    runtime->start = start;
    runtime->waiter = &start_waiter;
    if (!agent->docker_ready || sandbox_spec_unpack(record->spec, record->spec_len, &start->spec, &e)) {
        timer_start(&start->timer, agent->loop, 0, on_cannot, start);
        return;
    }
    agent_runtime_take_spec(runtime, &start->spec);
    if (agent_environment_open(agent, &runtime->id, &start->spec, &e))
        timer_start(&start->timer, agent->loop, 0, on_no_environment, start);
    else if (start->for_pool && runtime->has_no_update)
        timer_start(&start->timer, agent->loop, 0, on_no_member, start);
    else if (start_take_name(start))
        look(start);
    else
        timer_start(&start->timer, agent->loop, 0, on_no_name, start);
}
