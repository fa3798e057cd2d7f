#include "agent/sandbox/remove.h"

#include "agent/agent_state.h"
#include "agent/node/history.h"
#include "agent/sandbox/kill.h"
#include "agent/sandbox/late.h"
#include "agent/sandbox/member.h"
#include "agent/sandbox/processes.h"
#include "agent/sandbox/ready.h"
#include "agent/sandbox/relay.h"
#include "agent/sandbox/start_step.h"
#include "agent/sandbox/take_log.h"
#include "agent/sandbox/watch.h"

#include "common/io/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long to wait for Docker to remove a container without processes; shorter if Docker already hung during
 * its start. */
#define REMOVE_MS      10000
#define REMOVE_HUNG_MS 5000

void agent_runtime_free(struct runtime *runtime)
{
    if (runtime->agent->follower)
        runtime->agent->follower->on_drop(runtime);
    HASH_DEL(runtime->agent->runtimes, runtime);
    agent_ready_end(runtime);
    start_free(runtime->start);
    agent_take_log_end(runtime);
    timer_stop(&runtime->adopting);
    timer_stop(&runtime->asking);
    agent_relay_free(runtime);
    initlink_free(runtime->init);
    cgroup_alarm_drop(runtime->watched);
    cgroup_sandbox_close(runtime->cgroup);
    agent_member_free(runtime->member);
    free(runtime->kernel);
    free(runtime);
}

void agent_runtime_drop(struct runtime *runtime)
{
    struct sandbox_id id = runtime->id;
    char folder[512];
    agent_runtime_folder(runtime, folder);
    agent_runtime_free(runtime); /* with the socket in it */
    if (rmdir(folder) && errno != ENOENT && errno != ENOTEMPTY)
        log_warn("agent", "sandbox=%s %s stays: %s", id.text, folder, strerror(errno));
}

static void close_episodes(struct agent *agent, struct runtime *runtime)
{
    struct guard_step step = guard_close(&runtime->guard, &runtime->id);
    if (runtime->of_pool)
        return; /* nobody is told how it was */
    agent_watch_end(runtime);
    agent_keep_violations(agent, &step);
    agent_outbox_flush(agent);
}

static void removed(struct runtime *runtime, bool ok)
{
    struct agent *agent = runtime->agent;
    struct sandbox_id id = runtime->id;
    runtime->removing = false;
    if (ok)
        agent_runtime_drop(runtime);
    reconciler_removed(agent->reconciler, loop_now_ms(), &id, ok, engine_effects(agent->engine));
}

static void on_volume_removed(void *arg, int code, const struct err *e)
{
    struct runtime *runtime = arg;
    if (code == ERR_CANCELLED)
        return;
    char mark[TRACE_MARK_MAX];
    if (code)
        log_warn("agent", "sandbox=%s %sis not yet removed: %s", runtime->id.text,
                 agent_trace_mark(runtime->agent, &runtime->id, mark), e->text);
    else if (runtime->may_come_late)
        agent_late_watch(runtime->agent, &runtime->id);
    removed(runtime, !code);
}

static uint64_t patience_of(const struct runtime *runtime)
{
    return runtime->may_come_late ? REMOVE_HUNG_MS : REMOVE_MS;
}

/*
 * Whether the container may be left to late.c: Docker had its time, and no process of it is left. Not if the
 * sandbox is to be started again, which needs the name; and if processes are left, they are killed first.
 */
static bool may_leave_container(struct runtime *runtime, int code)
{
    const struct sandbox_record *record = reconciler_find(runtime->agent->reconciler, &runtime->id);
    bool waited = code == ERR_NODE_TIMEOUT ||
                  loop_awake_ms(runtime->agent->loop) - runtime->removing_ms >= patience_of(runtime);
    if (!waited || !record || record->phase != PHASE_REMOVING)
        return false;
    if (!agent_has_processes(runtime))
        return true;
    agent_kill(runtime);
    return false;
}

static void on_container_removed(void *arg, int code, const struct err *error)
{
    struct runtime *runtime = arg;
    struct err e;
    if (code && code != ERR_CANCELLED && may_leave_container(runtime, code)) {
        runtime->may_come_late = true;
        code = 0;
    }
    if (!code && agent_has_processes(runtime)) {
        agent_kill(runtime);
        code = err_set(&e, ERR_IO, "Docker says that it is removed, but it still has processes");
        error = &e;
    }
    if (!code && !runtime->agent->volumes) {
        code = err_set(&e, ERR_IO, "Docker is back, and its containers are not checked yet");
        error = &e;
    }
    if (code)
        on_volume_removed(runtime, code, error);
    else
        volume_remove(runtime->agent->volumes, &runtime->id, on_volume_removed, runtime);
}

static void remove_container(struct runtime *runtime)
{
    if (!runtime->removing_ms)
        runtime->removing_ms = loop_awake_ms(runtime->agent->loop);
    docker_container_remove(runtime->agent->docker, runtime->id.text, patience_of(runtime),
                            on_container_removed, runtime);
}

void agent_remove(struct runtime *runtime)
{
    struct agent *agent = runtime->agent;
    if (runtime->removing)
        return;
    runtime->removing = true;
    agent_ready_end(runtime);
    if (agent->follower)
        agent->follower->on_drop(runtime);
    close_episodes(agent, runtime);
    agent_relay_free(runtime);
    initlink_free(runtime->init);
    runtime->init = NULL;
    if (runtime->of_pool || !agent_take_log(runtime, remove_container))
        remove_container(runtime);
}
