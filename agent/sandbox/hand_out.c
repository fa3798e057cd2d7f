#include "agent/sandbox/hand_out.h"

#include "agent/agent_state.h"
#include "agent/cgroup/cgroup_kill.h"
#include "agent/cgroup/cgroup_limit.h"
#include "agent/sandbox/environment.h"
#include "agent/sandbox/member.h"
#include "agent/sandbox/start_container.h"
#include "agent/sandbox/start_step.h"
#include "agent/sandbox/watch.h"

#include "common/base/mem.h"
#include "proto/node_codec.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_MS  1000  /* for its init to take the environment: one that is frozen or hangs takes none */
#define COMMAND_MS 30000 /* for the command to be executed, as at a cold start */

static void on_no_answer(void *arg)
{
    start_not_handed_out(arg, "the init of its container does not answer");
}

static void on_no_command(void *arg)
{
    start_fail(arg, REASON_START_FAILED, "its init did not begin its command in time");
}

/* --- limits --- */

struct limiting {
    struct start *start;
    struct cgroup_paths paths;
    struct sandbox_limits limits;
    pid_t pid;
};

/* On a thread, since the kernel might wait. It does not as a rule: an idle init uses less than any limit. */
static int limit_work(void *arg, struct err *e)
{
    const struct limiting *l = arg;
    if (!cgroup_is_alone(&l->paths, l->pid))
        return err_set(e, ERR_CONFLICT, "its container is frozen, or has processes of somebody else");
    int rc = cgroup_limit(&l->paths, &l->limits, e);
    return rc ? rc : cgroup_limit_pids(&l->paths, l->limits.pids, e);
}

static void go_on(struct start *start);

static void on_limited(void *arg, int code, const struct err *e)
{
    struct start *start = ((struct limiting *)arg)->start;
    free(arg);
    if (!start_answered(start, code == ERR_CANCELLED ? code : 0, e))
        return;
    start->limits_set = true;
    if (code)
        start_not_handed_out(start, e->text);
    else
        go_on(start);
}

static void limit(struct start *start)
{
    struct runtime *runtime = start->runtime;
    struct limiting *l = mem_zalloc(sizeof *l);
    *l = (struct limiting){
        .start = start, .paths = *cgroup_sandbox_paths(runtime->cgroup), .pid = runtime->pid};
    l->limits = reconciler_find(runtime->agent->reconciler, &runtime->id)->limits;
    start_asked(start, STEP_HAND_OUT, NULL);
    worker_do(runtime->agent->signallers, &runtime->id, limit_work, on_limited, l);
}

/* --- environment and command --- */

static int give_environment(struct runtime *runtime, const struct start *start, struct err *e)
{
    struct string_list env = start_environment(start);
    struct init_start *give = mem_zalloc(sizeof *give);
    int rc = env.count > INIT_STRINGS_MAX ? err_set(e, ERR_TOO_LARGE, "its environment is too large") : 0;
    give->cwd = start_folder(start);
    give->nofile = (uint32_t)reconciler_find(runtime->agent->reconciler, &runtime->id)->limits.nofile;
    for (size_t i = 0; i < env.count && !rc; i++)
        give->env[give->envc++] = env.item[i];
    if (!rc)
        rc = initlink_environ(runtime->init, give, e);
    free(give);
    string_list_fini(&env);
    return rc;
}

static void send_command(struct start *start)
{
    struct init_start *command = start_command(start);
    struct err e;
    bool idles = !command->argc;
    int rc = idles ? 0 : initlink_start(start->runtime->init, command, &e);
    free(command);
    if (rc && start->command_sent)
        start_fail(start, REASON_START_FAILED, e.text);
    else if (rc)
        start_not_handed_out(start, e.text);
    else if (idles)
        start_succeed(start);
    else
        timer_start(&start->timer, start->runtime->agent->loop, COMMAND_MS, on_no_command, start);
    if (!rc && !idles) {
        start->command_sent = true;
        start_steps(start, STEP_COMMAND); /* from here on it ends as any start does */
    }
}

/* From now on it is the sandbox's. */
static void become_its_own(struct start *start)
{
    struct runtime *runtime = start->runtime;
    agent_member_free(runtime->member);
    runtime->member = NULL;
    runtime->of_pool = false;
    runtime->guard = (struct guard){0};
    cgroup_sandbox_forget_peak(runtime->cgroup);
    agent_watch_level(runtime);
}

static void go_on(struct start *start)
{
    if (!start->limits_set || !start->environ_set)
        return;
    timer_stop(&start->timer);
    if (!start->may_begin)
        return; /* the record is not on disk yet */
    become_its_own(start);
    send_command(start);
}

static void on_init_environ(struct runtime *runtime, int error)
{
    struct start *start = runtime->start;
    if (start->environ_set)
        return;
    start->environ_set = true;
    if (error)
        start_not_handed_out(start, "the init of its container did not take its environment");
    else
        go_on(start);
}

static void begin(struct start *start);

/* Its init is linked, at last or again: what was sent may be lost. */
static void on_init_ready(struct runtime *runtime, enum init_main_state state)
{
    struct start *start = runtime->start;
    if (start->command_sent)
        send_command(start);
    else if (start->environ_sent || state != INIT_MAIN_IDLE)
        start_not_handed_out(start, "the init of its container was away, or has begun a command");
    else if (!start->busy)
        begin(start);
}

static void on_init_started(struct runtime *runtime)
{
    if (runtime->start->command_sent)
        start_succeed(runtime->start);
}

static const struct init_waiter waiter = {
    .on_ready = on_init_ready, .on_environ = on_init_environ, .on_started = on_init_started};

/* --- the member --- */

static bool is_usable(struct start *start)
{
    const struct runtime *runtime = start->runtime;
    const struct agent *agent = runtime->agent;
    char why[NODE_DETAIL_MAX + 1];
    bool narrow = docker_seccomp_takes_narrow(agent->seccomp);
    struct image_use use = {start->spec.use_image_command, start->spec.command.count,
                            agent->docker_facts.arch, narrow};
    return runtime->cgroup && runtime->member && initlink_responsive(runtime->init) &&
           !cgroup_sandbox_oom_kills(runtime->cgroup) && member_disk_is_same(runtime) &&
           image_fits(&runtime->member->image.facts, &use, why);
}

static void begin(struct start *start)
{
    struct runtime *runtime = start->runtime;
    struct err e;
    timer_start(&start->timer, runtime->agent->loop, ANSWER_MS, on_no_answer, start);
    if (runtime->init && !initlink_ready(runtime->init))
        return; /* after a restart of the agent its init needs a moment: on_init_ready */
    if (!runtime->init || !is_usable(start)) {
        start_not_handed_out(start, "its container was touched, has ended, or does not fit");
        return;
    }
    docker_image_copy(&start->image, &runtime->member->image);
    if (give_environment(runtime, start, &e)) {
        start_not_handed_out(start, e.text);
        return;
    }
    start->environ_sent = true;
    limit(start);
}

static void on_image(void *arg, int code, const struct err *e, const struct docker_image *image)
{
    struct start *start = arg;
    if (!start_answered(start, code == ERR_CANCELLED ? code : 0, e))
        return;
    if (start->runtime->member && member_is_named(start->runtime->member, code, image))
        begin(start);
    else
        start_not_handed_out(start, "its image's name means another image now");
}

/* What it asks for, and what the member was made of. */
static int take_spec(struct start *start, const struct sandbox_record *record, struct err *e)
{
    struct runtime *runtime = start->runtime;
    int rc = sandbox_spec_unpack(record->spec, record->spec_len, &start->spec, e);
    if (!rc)
        rc = agent_environment_open(runtime->agent, &runtime->id, &start->spec, e);
    if (rc)
        return rc;
    agent_runtime_take_spec(runtime, &start->spec);
    if (!runtime->member || !start_take_name(start) ||
        !member_fits(runtime->member, &start->spec, record->limits.memory_bytes))
        return err_set(e, ERR_CONFLICT, "its container is of another kind");
    return 0;
}

void agent_hand_out(struct agent *agent, const struct sandbox_id *id)
{
    struct runtime *runtime = agent_runtime_find(agent, id);
    struct start *start = runtime ? runtime->start : NULL;
    if (!start)
        return; /* it was refused already */
    start->may_begin = true;
    go_on(start);
}

void agent_hand_out_prepare(struct agent *agent, const struct sandbox_id *id)
{
    struct runtime *runtime = agent_runtime(agent, id);
    struct start *start = mem_zalloc(sizeof *start);
    struct err e;
    start->runtime = runtime;
    start_steps(start, STEP_HAND_OUT);
    runtime->start = start;
    runtime->waiter = &waiter;
    if (take_spec(start, reconciler_find(agent->reconciler, id), &e))
        start_not_handed_out(start, e.text);
    else if (runtime->member->sure)
        begin(start);
    else
        start_asked(start, STEP_INSPECT,
                    docker_image_inspect(agent->docker, start->spec.image, on_image, start));
}

bool agent_hand_out_again(struct runtime *runtime)
{
    struct agent *agent = runtime->agent;
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &runtime->id);
    struct start start = {.runtime = runtime};
    struct err e;
    bool good = record && !sandbox_spec_unpack(record->spec, record->spec_len, &start.spec, &e) &&
                !agent_environment_open(agent, &runtime->id, &start.spec, &e) &&
                !give_environment(runtime, &start, &e);
    sandbox_spec_fini(&start.spec);
    return good;
}
