/* Whatever is reported of a container, Docker is asked for its state, and that state counts. */
#include "agent/sandbox/check.h"

#include "agent/agent_state.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <stdlib.h>

#define CHECK_SOON_MS  200
#define CHECK_AGAIN_MS 1000
#define ASK_MS         10000
#define ASK_EMPTY_MS   3000 /* for a sandbox that has ended: only its exit code is asked for */

struct check {
    struct agent *agent;
    struct sandbox_id id;
    enum ending_when when;
    bool died;  /* Docker reported its death, with exit_code */
    bool empty; /* its cgroup is empty: it has ended, whatever Docker says */
    int exit_code;
};

bool agent_oom(const struct runtime *runtime)
{
    return runtime->cgroup && cgroup_sandbox_oom_kills(runtime->cgroup);
}

struct sandbox_exit agent_ending_oom(const struct runtime *runtime, bool has_code, int code)
{
    const struct sandbox_record *record = reconciler_find(runtime->agent->reconciler, &runtime->id);
    struct sandbox_exit exit = ending_oom(record && record->last_ms ? &record->last : NULL,
                                          record ? record->limits.memory_bytes : 0);
    exit.has_exit_code = has_code;
    exit.exit_code = code;
    return exit;
}

static void dead(struct runtime *runtime, const struct check *check, bool oom, int code)
{
    struct sandbox_exit exit =
        oom ? agent_ending_oom(runtime, true, code) : ending_container(check->when, code);
    reconciler_dead(check->agent->reconciler, loop_now_ms(), &check->id, &exit,
                    engine_effects(check->agent->engine));
}

/* The container is gone from its name, or is another one: kills what is left of its processes too. */
static void taken_away(const struct check *check, const struct sandbox_exit *exit)
{
    reconciler_end(check->agent->reconciler, loop_now_ms(), &check->id, exit,
                   engine_effects(check->agent->engine));
}

static void check_again(void *arg);

/* Docker did not answer: uses what is known, or asks again. */
static void unanswered(struct runtime *runtime, const struct check *check, const struct err *e)
{
    if (check->died) {
        dead(runtime, check, agent_oom(runtime), check->exit_code);
    } else if (check->empty) {
        struct sandbox_exit exit =
            agent_oom(runtime) ? agent_ending_oom(runtime, false, 0) : ending_unknown(check->when);
        reconciler_dead(runtime->agent->reconciler, loop_now_ms(), &runtime->id, &exit,
                        engine_effects(runtime->agent->engine));
    } else {
        log_warn("agent", "sandbox=%s Docker does not say how it is, and is asked again: %s",
                 runtime->id.text, e->text);
        runtime->check_when = check->when;
        timer_start(&runtime->asking, runtime->agent->loop, CHECK_AGAIN_MS, check_again, runtime);
    }
}

static void judge(struct runtime *runtime, const struct check *check, int code, const struct err *e,
                  const struct docker_state *state)
{
    struct sandbox_exit exit;
    if (code == ERR_NOT_FOUND || (!code && state->removing)) {
        exit = ending_taken_away(check->when);
        taken_away(check, &exit);
    } else if (!code && !state->running) {
        dead(runtime, check, agent_oom(runtime) || state->oom_killed, state->exit_code);
    } else if (!code && runtime->pid && state->pid && state->pid != runtime->pid) {
        exit = ending_started_again();
        taken_away(check, &exit);
    } else if (!code && !check->empty) {
        reconciler_seen_paused(check->agent->reconciler, loop_now_ms(), &check->id, state->paused,
                               engine_effects(check->agent->engine));
    } else {
        unanswered(runtime, check, e);
    }
}

static void on_checked(void *arg, int code, const struct err *e, const struct docker_state *state)
{
    struct check check = *(struct check *)arg;
    struct agent *agent = check.agent;
    free(arg);
    struct runtime *runtime = agent_runtime_find(agent, &check.id);
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &check.id);
    if (code == ERR_CANCELLED || !runtime || runtime->start || !record || record->phase != PHASE_RUNNING)
        return;
    judge(runtime, &check, code, e, state);
}

static struct check *check_new(struct runtime *runtime)
{
    struct check *check = mem_zalloc(sizeof *check);
    *check = (struct check){.agent = runtime->agent,
                            .id = runtime->id,
                            .when = docker_steady(runtime->agent->docker) ? ENDING_SEEN : ENDING_DOCKER_AWAY};
    return check;
}

static void ask(struct check *check)
{
    docker_container_inspect(check->agent->docker, check->id.text, check->empty ? ASK_EMPTY_MS : ASK_MS,
                             on_checked, check);
}

void agent_check(struct runtime *runtime)
{
    ask(check_new(runtime));
}

void agent_check_dead(struct runtime *runtime, int exit_code)
{
    struct check *check = check_new(runtime);
    check->died = true;
    check->exit_code = exit_code;
    ask(check);
}

void agent_check_gap(struct runtime *runtime)
{
    struct check *check = check_new(runtime);
    check->when = ENDING_DOCKER_AWAY;
    ask(check);
}

static void check_again(void *arg)
{
    struct runtime *runtime = arg;
    struct check *check = check_new(runtime);
    check->when = runtime->check_when;
    ask(check);
}

void agent_check_soon(struct runtime *runtime)
{
    if (timer_armed(&runtime->asking))
        return;
    runtime->check_when = docker_steady(runtime->agent->docker) ? ENDING_SEEN : ENDING_DOCKER_AWAY;
    timer_start(&runtime->asking, runtime->agent->loop, CHECK_SOON_MS, check_again, runtime);
}

void agent_seen_empty(struct runtime *runtime)
{
    struct check *check = check_new(runtime);
    check->empty = true;
    if (runtime->agent->docker_ready) {
        ask(check);
        return;
    }
    unanswered(runtime, check, NULL);
    free(check);
}
