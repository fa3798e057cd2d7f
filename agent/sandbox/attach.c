#include "agent/sandbox/attach.h"

#include "agent/agent_state.h"
#include "agent/cgroup/ucount.h"
#include "agent/sandbox/check.h"
#include "agent/sandbox/processes.h"
#include "agent/sandbox/ready.h"
#include "agent/sandbox/relay.h"
#include "agent/sandbox/watch.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* --- reports of its init --- */

static struct sandbox_exit exit_of(struct runtime *runtime, const struct init_exit *end)
{
    int code = init_exit_status(end);
    agent_last_sample(runtime);
    if (agent_oom(runtime))
        return agent_ending_oom(runtime, true, code);
    bool stopped = end->kind == INIT_EXIT_SIGNAL && (end->value == SIGTERM || end->value == SIGKILL);
    if (stopped && !docker_steady(runtime->agent->docker))
        return ending_container(ENDING_DOCKER_AWAY,
                                code); /* as a restart of a Docker without live-restore ends it */
    if (end->kind == INIT_EXIT_SIGNAL)
        return ending_signal(code, end->value, strsignal(end->value));
    if (end->kind == INIT_EXIT_NOT_STARTED)
        return ending_not_invoked(code, strerror(end->value));
    return ending_exited(code);
}

static void on_init_ready(void *arg, enum init_main_state state)
{
    struct runtime *runtime = arg;
    struct sandbox_exit exit = ending_member("a command was started in it");
    agent_relay_linked(runtime);
    agent_bound_output(runtime);
    if (runtime->waiter)
        runtime->waiter->on_ready(runtime, state);
    else if (runtime->of_pool && state != INIT_MAIN_IDLE)
        reconciler_end(runtime->agent->reconciler, loop_now_ms(), &runtime->id, &exit,
                       engine_effects(runtime->agent->engine));
}

static void on_init_copied(void *arg, int error, uint32_t folder)
{
    struct runtime *runtime = arg;
    if (runtime->waiter && runtime->waiter->on_copied)
        runtime->waiter->on_copied(runtime, error, folder);
}

static void on_init_environ(void *arg, int error)
{
    struct runtime *runtime = arg;
    if (runtime->waiter && runtime->waiter->on_environ)
        runtime->waiter->on_environ(runtime, error);
}

static void on_init_started(void *arg)
{
    struct runtime *runtime = arg;
    if (runtime->waiter && runtime->waiter->on_started)
        runtime->waiter->on_started(runtime);
}

static void on_init_exited(void *arg, const struct init_exit *end)
{
    struct runtime *runtime = arg;
    struct agent *agent = runtime->agent;
    struct sandbox_id id = runtime->id;
    struct sandbox_exit exit = exit_of(runtime, end);
    on_init_started(runtime); /* it ran, and has already ended */
    reconciler_dead(agent->reconciler, loop_now_ms(), &id, &exit, engine_effects(agent->engine));
}

/* The init reconnects by itself, unless its container is gone or hangs: asks Docker. */
static void on_init_lost(void *arg, const struct err *why)
{
    struct runtime *runtime = arg;
    if (runtime->agent->follower)
        runtime->agent->follower->on_unlinked(runtime);
    agent_relay_begin(runtime);
    agent_check_soon(runtime);
}

static void on_init_update(void *arg, const struct initlink_update *update)
{
    struct runtime *runtime = arg;
    agent_ready_update(runtime, update);
    if (runtime->agent->follower)
        runtime->agent->follower->on_update(runtime, update);
}

static void on_init_writable(void *arg)
{
    struct runtime *runtime = arg;
    if (runtime->agent->follower)
        runtime->agent->follower->on_writable(runtime);
}

int agent_runtime_listen(struct runtime *runtime, struct err *e)
{
    static const struct initlink_events events = {.on_ready = on_init_ready,
                                                  .on_copied = on_init_copied,
                                                  .on_environ = on_init_environ,
                                                  .on_started = on_init_started,
                                                  .on_exited = on_init_exited,
                                                  .on_lost = on_init_lost,
                                                  .on_update = on_init_update,
                                                  .on_writable = on_init_writable};
    char folder[512];
    agent_runtime_folder(runtime, folder);
    return runtime->init ? 0
                         : initlink_new(runtime->agent->loop, folder, &events, runtime, &runtime->init, e);
}

/* --- its share of the kernel's common pools --- */

struct sharing {
    struct sandbox_id id;
    pid_t pid;
};

static int share_work(void *arg, struct err *e)
{
    const struct sharing *sharing = arg;
    struct ucount_limits host = ucount_of_host("");
    struct ucount_limits share = ucount_share(host.inotify_instances, host.inotify_watches);
    return ucount_limit(sharing->pid, &share, e);
}

static void on_shared(void *arg, int code, const struct err *e)
{
    struct sharing *sharing = arg;
    if (code && code != ERR_CANCELLED && code != ERR_NOT_FOUND)
        log_warn("agent", "sandbox=%s %s", sharing->id.text, e->text);
    free(sharing);
}

/* Its init runs, and its command has not begun: the command begins only when the agent tells the init so. */
static void share(const struct runtime *runtime)
{
    struct sharing *sharing = mem_zalloc(sizeof *sharing);
    *sharing = (struct sharing){runtime->id, runtime->pid};
    worker_do(runtime->agent->forcers, &runtime->id, share_work, on_shared, sharing);
}

int agent_runtime_attach(struct runtime *runtime, const struct docker_state *state, struct err *e)
{
    struct cgroup_paths paths;
    cgroup_sandbox_close(runtime->cgroup);
    runtime->cgroup = NULL;
    runtime->pid = state->pid;
    int rc = agent_find_paths(runtime, state, &paths, e);
    if (!rc)
        rc = cgroup_sandbox_open(&runtime->cgroup, &paths, "", runtime->pid, e);
    if (!rc)
        rc = agent_watch_memory(runtime, e);
    if (!rc)
        agent_last_sample(runtime); /* so that there is a sample before the first regular one */
    if (!rc)
        share(runtime);
    if (!rc && runtime->init) {
        initlink_expect(runtime->init, runtime->pid);
        agent_relay_begin(runtime);
    }
    return rc;
}
