#include "agent/sandbox/start_step.h"

#include "agent/agent_state.h"
#include "agent/sandbox/environment.h"
#include "agent/sandbox/member.h"

#include "common/io/log.h"
#include "common/base/mem.h"
#include "common/base/plain_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const was[] = {
    [STEP_INSPECT] = "its image was being looked up",
    [STEP_PULL] = "its image was still being pulled",
    [STEP_TURN] = "it was waiting for its turn to start",
    [STEP_DISK] = "its disk was still being made",
    [STEP_CREATE] = "its container was still being created",
    [STEP_START] = "its container was still being started",
    [STEP_INIT] = "its init had not answered yet",
    [STEP_COPY] = "its image's files were still being copied to its disk",
    [STEP_COMMAND] = "its command had not begun yet",
    [STEP_HAND_OUT] = "its container was being taken from the pool",
};

/* To which of the times that are told each step counts. */
static const enum start_time time_of[] = {
    [STEP_INSPECT] = START_TIME_IMAGE,   [STEP_PULL] = START_TIME_IMAGE,
    [STEP_TURN] = START_TIME_TURN,       [STEP_DISK] = START_TIME_VOLUME,
    [STEP_CREATE] = START_TIME_CREATE,   [STEP_START] = START_TIME_START,
    [STEP_INIT] = START_TIME_INIT,       [STEP_COPY] = START_TIME_COPY,
    [STEP_COMMAND] = START_TIME_COMMAND, [STEP_HAND_OUT] = START_TIME_HAND_OUT,
};

void start_steps(struct start *start, enum start_step step)
{
    start->step = step;
    start_watch_step(&start->watch, time_of[step], loop_now_ms());
}

static void start_fini(struct start *start)
{
    sandbox_spec_fini(&start->spec);
    docker_image_fini(&start->image);
    free(start);
}

void start_free(struct start *start)
{
    if (!start)
        return;
    timer_stop(&start->timer);
    turn_end(&start->runtime->agent->turns, &start->turn);
    start->runtime = NULL;
    if (start->call)
        docker_cancel(start->call);
    if (!start->busy)
        start_fini(start);
}

/* Docker may still carry out this request, even after the agent has given it up. */
static bool may_come_late(const struct start *start)
{
    return start->step == STEP_CREATE || start->step == STEP_START;
}

static void finish(struct start *start, const struct start_result *made)
{
    struct runtime *runtime = start->runtime;
    struct agent *agent = runtime->agent;
    struct sandbox_id id = runtime->id;
    runtime->start = NULL;
    runtime->waiter = NULL;
    runtime->may_come_late |= start->busy && may_come_late(start);
    bool for_pool = start->for_pool;
    start_free(start);
    if (!for_pool) /* else the environment may be that of the sandbox that takes it over */
        agent_environment_forget(agent, &id);
    reconciler_started(agent->reconciler, loop_now_ms(), &id, made, engine_effects(agent->engine));
}

void start_fail(struct start *start, enum sandbox_reason reason, const char *why)
{
    struct start_result made = {.reason = reason, .node_fault = start->node_fault};
    const struct runtime *runtime = start->runtime;
    char mark[TRACE_MARK_MAX];
    log_warn("agent", "sandbox=%s %sdid not start: %s", runtime->id.text,
             agent_trace_mark(runtime->agent, &runtime->id, mark), why);
    if (strlen(why) > NODE_DETAIL_MAX) /* paths are long, and removed anyway; the cause follows them */
        plain_words(why, made.detail, sizeof made.detail);
    else
        snprintf(made.detail, sizeof made.detail, "%s", why);
    if (start->suspect && start->spec.user)
        snprintf(made.suspect, sizeof made.suspect, "%s", start->spec.user);
    finish(start, &made);
}

void start_succeed(struct start *start)
{
    struct start_result made = {.ok = true,
                                .enforced = start->runtime->agent->enforces,
                                .by_docker = initlink_is_relayed(start->runtime->init),
                                .unready = !start->for_pool && start->spec.ready_command.count > 0};
    start_watch_end(&start->watch, loop_now_ms());
    made.times = start->watch.times;
    if (start->for_pool)
        agent_member_ready(start->runtime, &start->image, start->image_changes);
    finish(start, &made);
}

/* The reason is the step that was under way; the core adds how the sandbox ended. */
void start_abort(struct start *start)
{
    start_fail(start, REASON_START_FAILED, was[start->step]);
}

void start_not_handed_out(struct start *start, const char *why)
{
    struct runtime *runtime = start->runtime;
    struct agent *agent = runtime->agent;
    struct sandbox_id id = runtime->id;
    char mark[TRACE_MARK_MAX];
    log_info("agent", "sandbox=%s %sis started cold: %s", id.text, agent_trace_mark(agent, &id, mark), why);
    runtime->start = NULL;
    runtime->waiter = NULL;
    start_free(start);
    reconciler_not_handed_out(agent->reconciler, loop_now_ms(), &id, engine_effects(agent->engine));
}

static void fail_by_docker(struct start *start, int code, const struct err *e)
{
    char why[120];
    enum sandbox_reason reason =
        code == ERR_IMAGE_UNAVAILABLE ? REASON_IMAGE_UNAVAILABLE : REASON_START_FAILED;
    snprintf(why, sizeof why, "%s, and Docker did not answer in time", was[start->step]);
    start->suspect = code == ERR_NODE_TIMEOUT && may_come_late(start);
    start->node_fault |= code == ERR_NODE_TIMEOUT || (code == ERR_IO && may_come_late(start));
    start->runtime->may_come_late |= may_come_late(start) && (code == ERR_NODE_TIMEOUT || code == ERR_IO);
    start_fail(start, reason, code == ERR_NODE_TIMEOUT ? why : e->text);
}

bool start_answered(struct start *start, int code, const struct err *e)
{
    start->busy = false;
    start->call = NULL;
    if (!start->runtime)
        start_fini(start);
    else if (code && code != ERR_CANCELLED)
        fail_by_docker(start, code, e);
    else
        return !code; /* if the start failed, m is gone, except while the agent is stopping */
    return false;
}

void start_asked(struct start *start, enum start_step step, struct docker_call *call)
{
    start_steps(start, step);
    start->call = call;
    start->busy = true;
}

bool start_take_name(struct start *start)
{
    char full[IMAGE_REF_FULL_MAX];
    if (!start->spec.image || !image_ref_parse(start->spec.image, &start->ref))
        return false;
    image_ref_full(&start->ref, full);
    free(start->spec.image);
    start->spec.image = mem_strdup(full);
    return true;
}
