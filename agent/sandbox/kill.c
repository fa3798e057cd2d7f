/*
 * Ends a sandbox's processes, through its cgroups, off the loop. The first pool only sends signals, which
 * never blocks, so a few threads are enough for hundreds of sandboxes that are due at once. Processes that
 * survive that for SANDBOX_KILL_AGAIN_MS, or are frozen, are passed to the second pool as well, whose writes
 * may block in the kernel for seconds: a blocked write delays neither the first pool nor the loop.
 *
 * Bounds: at most one job per sandbox in each pool. If all threads of the second pool are busy, further
 * forced kills wait for one, while signals are still sent.
 */
#include "agent/sandbox/kill.h"

#include "agent/agent_state.h"
#include "agent/cgroup/cgroup_kill.h"
#include "agent/core/orphan.h"
#include "agent/sandbox/watch.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_OLD_MS 2000

struct killing {
    struct agent *agent;
    struct sandbox_id id;
    struct cgroup_paths paths;
    bool known; /* paths is valid; else they are found by the container's id */
    char container_id[CONTAINER_ID_LEN + 1], parent[256];
    enum cgroup_left left;
};

/* --- kills through Docker, if there is no other way --- */

/* Its end follows as an event, except if it had already ended: then no further event comes. */
static void on_killed(void *arg, int code, const struct err *e)
{
    struct killing k = *(struct killing *)arg;
    char mark[TRACE_MARK_MAX];
    free(arg);
    if (!code || code == ERR_CANCELLED)
        return;
    if (code == ERR_NOT_FOUND || code == ERR_CONFLICT)
        reconciler_not_running(k.agent->reconciler, loop_now_ms(), &k.id, engine_effects(k.agent->engine));
    else
        log_warn("agent", "sandbox=%s %sDocker did not kill it: %s", k.id.text,
                 agent_trace_mark(k.agent, &k.id, mark), e->text);
}

static void kill_by_docker(const struct killing *k)
{
    docker_container_kill(k->agent->docker, k->id.text, on_killed, mem_dup(k, sizeof *k));
}

/* --- by force --- */

static int force_work(void *arg, struct err *e)
{
    const struct killing *k = arg;
    cgroup_kill_by_force(&k->paths);
    return 0;
}

static void on_forced(void *arg, int code, const struct err *e)
{
    struct killing *k = arg;
    struct runtime *runtime = code == ERR_CANCELLED ? NULL : agent_runtime_find(k->agent, &k->id);
    if (runtime)
        runtime->forcing = false;
    free(k);
}

static void force(struct runtime *runtime, const struct killing *k)
{
    if (runtime->forcing)
        return;
    runtime->forcing = true;
    worker_do(runtime->agent->forcers, &runtime->id, force_work, on_forced, mem_dup(k, sizeof *k));
}

/* --- by signals --- */

static int signal_work(void *arg, struct err *e)
{
    struct killing *k = arg;
    if (!k->known) {
        int rc = cgroup_paths_of_container(&k->agent->mounts, k->parent, k->container_id, &k->paths, e);
        if (rc)
            return rc;
    }
    k->left = cgroup_kill_each(&k->paths);
    return 0;
}

static void on_signalled(void *arg, int code, const struct err *e)
{
    struct killing k = *(struct killing *)arg;
    struct agent *agent = k.agent;
    free(arg);
    struct runtime *runtime = code == ERR_CANCELLED ? NULL : agent_runtime_find(agent, &k.id);
    if (!runtime)
        return;
    runtime->signalling = false;
    if (code == ERR_NOT_FOUND)
        kill_by_docker(&k);
    else if (!code && k.left == CGROUP_LEFT_NONE)
        reconciler_dead(agent->reconciler, loop_now_ms(), &k.id, NULL, engine_effects(agent->engine));
    else if (!code && (k.left == CGROUP_LEFT_FROZEN || runtime->kills > 1))
        force(runtime, &k);
}

void agent_kill(struct runtime *runtime)
{
    struct agent *agent = runtime->agent;
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &runtime->id);
    bool first = !runtime->kills++;
    if (runtime->signalling)
        return; /* the kill is repeated if that job was not enough */
    if (first && loop_now_ms() - runtime->last_ms > LOOK_OLD_MS)
        agent_last_sample(
            runtime); /* if hundreds are due at once, each already has a sample of the last second */
    struct killing *k = mem_zalloc(sizeof *k);
    *k = (struct killing){.agent = agent, .id = runtime->id, .known = runtime->cgroup};
    if (runtime->cgroup)
        k->paths = *cgroup_sandbox_paths(runtime->cgroup);
    snprintf(k->container_id, sizeof k->container_id, "%s", record ? record->container_id : "");
    snprintf(k->parent, sizeof k->parent, "%s", agent->conf->cgroup_parent ? agent->conf->cgroup_parent : "");
    runtime->signalling = true;
    worker_do(agent->signallers, &runtime->id, signal_work, on_signalled, k);
}
