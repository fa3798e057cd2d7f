#include "agent/sandbox/start_step.h"

#include "agent/agent_state.h"

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
};

static void start_fini(struct start *m)
{
    sandbox_spec_fini(&m->spec);
    docker_image_fini(&m->image);
    free(m);
}

void start_free(struct start *m)
{
    if (!m)
        return;
    timer_stop(&m->timer);
    turn_end(&m->runtime->agent->turns, &m->turn);
    m->runtime = NULL;
    if (m->call)
        docker_cancel(m->call);
    if (!m->busy)
        start_fini(m);
}

/* Docker may still carry out this request, even after the agent has given it up. */
static bool may_come_late(const struct start *m)
{
    return m->step == STEP_CREATE || m->step == STEP_START;
}

static void finish(struct start *m, const struct start_result *made)
{
    struct runtime *h = m->runtime;
    struct agent *agent = h->agent;
    struct sandbox_id id = h->id;
    h->start = NULL;
    h->waiter = NULL;
    h->may_come_late |= m->busy && may_come_late(m);
    start_free(m);
    reconciler_started(agent->reconciler, loop_now_ms(), &id, made, engine_effects(agent->engine));
}

void start_fail(struct start *m, enum sandbox_reason reason, const char *why)
{
    struct start_result made = {.reason = reason, .node_fault = m->node_fault};
    log_warn("agent", "sandbox=%s did not start: %s", m->runtime->id.text, why);
    if (strlen(why) > NODE_DETAIL_MAX) /* paths are long, and removed anyway; the cause follows them */
        plain_words(why, made.detail, sizeof made.detail);
    else
        snprintf(made.detail, sizeof made.detail, "%s", why);
    if (m->suspect && m->spec.user)
        snprintf(made.suspect, sizeof made.suspect, "%s", m->spec.user);
    finish(m, &made);
}

void start_succeed(struct start *m)
{
    struct start_result made = {.ok = true, .enforced = m->runtime->agent->enforces};
    finish(m, &made);
}

/* The reason is the step that was under way; the core adds how the sandbox ended. */
void start_abort(struct start *m)
{
    start_fail(m, REASON_START_FAILED, was[m->step]);
}

static void fail_by_docker(struct start *m, int code, const struct err *e)
{
    char why[120];
    enum sandbox_reason reason =
        code == ERR_IMAGE_UNAVAILABLE ? REASON_IMAGE_UNAVAILABLE : REASON_START_FAILED;
    snprintf(why, sizeof why, "%s, and Docker did not answer in time", was[m->step]);
    m->suspect = code == ERR_NODE_TIMEOUT && may_come_late(m);
    m->node_fault |= code == ERR_NODE_TIMEOUT || (code == ERR_IO && may_come_late(m));
    m->runtime->may_come_late |= may_come_late(m) && (code == ERR_NODE_TIMEOUT || code == ERR_IO);
    start_fail(m, reason, code == ERR_NODE_TIMEOUT ? why : e->text);
}

bool start_answered(struct start *m, int code, const struct err *e)
{
    m->busy = false;
    m->call = NULL;
    if (!m->runtime)
        start_fini(m);
    else if (code && code != ERR_CANCELLED)
        fail_by_docker(m, code, e);
    else
        return !code; /* if the start failed, m is gone, except while the agent is stopping */
    return false;
}

void start_asked(struct start *m, enum start_step step, struct docker_call *call)
{
    m->step = step;
    m->call = call;
    m->busy = true;
}
