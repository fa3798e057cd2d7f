#include "agent/sandbox/remove.h"

#include "agent/agent_state.h"
#include "agent/node/history.h"
#include "agent/sandbox/kill.h"
#include "agent/sandbox/late.h"
#include "agent/sandbox/processes.h"
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

void agent_runtime_free(struct runtime *h)
{
    if (h->agent->follower)
        h->agent->follower->on_drop(h);
    HASH_DEL(h->agent->runtimes, h);
    start_free(h->start);
    agent_take_log_end(h);
    timer_stop(&h->adopting);
    timer_stop(&h->asking);
    initlink_free(h->init);
    cgroup_alarm_drop(h->watched);
    cgroup_sandbox_close(h->cgroup);
    free(h);
}

void agent_runtime_drop(struct runtime *h)
{
    struct sandbox_id id = h->id;
    char folder[512];
    agent_runtime_folder(h, folder);
    agent_runtime_free(h); /* with the socket in it */
    if (rmdir(folder) && errno != ENOENT && errno != ENOTEMPTY)
        log_warn("agent", "sandbox=%s %s stays: %s", id.text, folder, strerror(errno));
}

static void close_episodes(struct agent *agent, struct runtime *h)
{
    struct guard_step step = guard_close(&h->guard, &h->id);
    agent_watch_end(h);
    agent_keep_violations(agent, &step);
    agent_outbox_flush(agent);
}

static void removed(struct runtime *h, bool ok)
{
    struct agent *agent = h->agent;
    struct sandbox_id id = h->id;
    h->removing = false;
    if (ok)
        agent_runtime_drop(h);
    reconciler_removed(agent->reconciler, loop_now_ms(), &id, ok, engine_effects(agent->engine));
}

static void on_volume_removed(void *arg, int code, const struct err *e)
{
    struct runtime *h = arg;
    if (code == ERR_CANCELLED)
        return;
    if (code)
        log_warn("agent", "sandbox=%s is not yet removed: %s", h->id.text, e->text);
    else if (h->may_come_late)
        agent_late_watch(h->agent, &h->id);
    removed(h, !code);
}

static uint64_t patience_of(const struct runtime *h)
{
    return h->may_come_late ? REMOVE_HUNG_MS : REMOVE_MS;
}

/*
 * Whether the container may be left to late.c: Docker had its time, and no process of it is left. Not if the
 * sandbox is to be started again, which needs the name; and if processes are left, they are killed first.
 */
static bool may_leave_container(struct runtime *h, int code)
{
    const struct sandbox_record *record = reconciler_find(h->agent->reconciler, &h->id);
    bool waited =
        code == ERR_NODE_TIMEOUT || loop_awake_ms(h->agent->loop) - h->removing_ms >= patience_of(h);
    if (!waited || !record || record->phase != PHASE_REMOVING)
        return false;
    if (!agent_has_processes(h))
        return true;
    agent_kill(h);
    return false;
}

static void on_container_removed(void *arg, int code, const struct err *error)
{
    struct runtime *h = arg;
    struct err e;
    if (code && code != ERR_CANCELLED && may_leave_container(h, code)) {
        h->may_come_late = true;
        code = 0;
    }
    if (!code && agent_has_processes(h)) {
        agent_kill(h);
        code = err_set(&e, ERR_IO, "Docker says that it is removed, but it still has processes");
        error = &e;
    }
    if (!code && !h->agent->volumes) {
        code = err_set(&e, ERR_IO, "Docker is back, and its containers are not checked yet");
        error = &e;
    }
    if (code)
        on_volume_removed(h, code, error);
    else
        volume_remove(h->agent->volumes, &h->id, on_volume_removed, h);
}

static void remove_container(struct runtime *h)
{
    docker_container_remove(h->agent->docker, h->id.text, patience_of(h), on_container_removed, h);
}

void agent_remove(struct runtime *h)
{
    struct agent *agent = h->agent;
    if (h->removing)
        return;
    h->removing = true;
    if (agent->follower)
        agent->follower->on_drop(h);
    if (!h->removing_ms)
        h->removing_ms = loop_awake_ms(agent->loop);
    close_episodes(agent, h);
    initlink_free(h->init);
    h->init = NULL;
    if (!agent_take_log(h, remove_container))
        remove_container(h);
}
