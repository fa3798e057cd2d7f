#include "agent/sandbox/change.h"

#include "agent/agent_state.h"
#include "agent/cgroup/cgroup_limit.h"
#include "agent/sandbox/check.h"
#include "agent/sandbox/watch.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <stdlib.h>

/* A pending request to Docker. */
struct change {
    struct agent *agent;
    struct sandbox_id id;
    enum reconciler_effect_kind kind;
};

static void on_changed(void *arg, int code, const struct err *e)
{
    struct change *change = arg;
    struct agent *agent = change->agent;
    struct change what = *change;
    char mark[TRACE_MARK_MAX];
    free(change);
    if (code == ERR_CANCELLED)
        return;
    if (code)
        log_warn("agent", "sandbox=%s %sDocker did not change it: %s", what.id.text,
                 agent_trace_mark(agent, &what.id, mark), e->text);
    struct runtime *runtime = agent_runtime_find(agent, &what.id);
    if (what.kind == RECONCILER_RESIZE && runtime)
        agent_watch_level(runtime);
    else if (code && runtime)
        agent_check(runtime); /* somebody else may have made the change already */
    if (what.kind == RECONCILER_RESIZE)
        reconciler_resized(agent->reconciler, loop_now_ms(), &what.id, !code, engine_effects(agent->engine));
    else
        reconciler_paused(agent->reconciler, loop_now_ms(), &what.id, !code, what.kind == RECONCILER_PAUSE,
                          engine_effects(agent->engine));
}

/* For a runtime without update: writes the cgroups on a thread, since the kernel may reclaim memory first. */
struct resizing {
    struct agent *agent;
    struct sandbox_id id;
    struct cgroup_paths paths;
    struct sandbox_limits limits;
    bool known; /* paths is valid */
};

static int resize_work(void *arg, struct err *e)
{
    const struct resizing *r = arg;
    return r->known ? cgroup_limit(&r->paths, &r->limits, e)
                    : err_set(e, ERR_NOT_FOUND, "its cgroup is not known");
}

static void on_resized(void *arg, int code, const struct err *e)
{
    struct resizing r = *(struct resizing *)arg;
    char mark[TRACE_MARK_MAX];
    free(arg);
    struct runtime *runtime = code == ERR_CANCELLED ? NULL : agent_runtime_find(r.agent, &r.id);
    if (!runtime)
        return;
    if (code)
        log_warn("agent", "sandbox=%s %sits limits are not changed: %s", r.id.text,
                 agent_trace_mark(r.agent, &r.id, mark), e->text);
    agent_watch_level(runtime);
    reconciler_resized(r.agent->reconciler, loop_now_ms(), &r.id, !code, engine_effects(r.agent->engine));
}

static void resize_by_cgroup(struct runtime *runtime)
{
    struct resizing *r = mem_zalloc(sizeof *r);
    *r = (struct resizing){.agent = runtime->agent, .id = runtime->id, .known = runtime->cgroup};
    r->limits = reconciler_find(runtime->agent->reconciler, &runtime->id)->limits;
    if (runtime->cgroup)
        r->paths = *cgroup_sandbox_paths(runtime->cgroup);
    worker_do(runtime->agent->forcers, &runtime->id, resize_work, on_resized, r);
}

void agent_change(struct agent *agent, const struct reconciler_effect *effect)
{
    struct runtime *runtime = agent_runtime_find(agent, &effect->id);
    if (effect->kind == RECONCILER_RESIZE && runtime && runtime->has_no_update) {
        resize_by_cgroup(runtime);
        return;
    }
    struct change *change = mem_zalloc(sizeof *change);
    *change = (struct change){agent, effect->id, effect->kind};
    const char *id = effect->id.text;
    if (effect->kind == RECONCILER_PAUSE)
        docker_container_pause(agent->docker, id, on_changed, change);
    else if (effect->kind == RECONCILER_RESUME)
        docker_container_unpause(agent->docker, id, on_changed, change);
    else
        docker_container_update(agent->docker, id, &reconciler_find(agent->reconciler, &effect->id)->limits,
                                on_changed, change);
}
