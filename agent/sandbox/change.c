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
    free(change);
    if (code == ERR_CANCELLED)
        return;
    if (code)
        log_warn("agent", "sandbox=%s Docker did not change it: %s", what.id.text, e->text);
    struct runtime *h = agent_runtime_find(agent, &what.id);
    if (what.kind == RECONCILER_RESIZE && h)
        agent_watch_level(h);
    else if (code && h)
        agent_check(h); /* somebody else may have made the change already */
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
    free(arg);
    struct runtime *h = code == ERR_CANCELLED ? NULL : agent_runtime_find(r.agent, &r.id);
    if (!h)
        return;
    if (code)
        log_warn("agent", "sandbox=%s its limits are not changed: %s", r.id.text, e->text);
    agent_watch_level(h);
    reconciler_resized(r.agent->reconciler, loop_now_ms(), &r.id, !code, engine_effects(r.agent->engine));
}

static void resize_by_cgroup(struct runtime *h)
{
    struct resizing *r = mem_zalloc(sizeof *r);
    *r = (struct resizing){.agent = h->agent, .id = h->id, .known = h->cgroup};
    r->limits = reconciler_find(h->agent->reconciler, &h->id)->limits;
    if (h->cgroup)
        r->paths = *cgroup_sandbox_paths(h->cgroup);
    worker_do(h->agent->forcers, &h->id, resize_work, on_resized, r);
}

void agent_change(struct agent *agent, const struct reconciler_effect *effect)
{
    struct runtime *h = agent_runtime_find(agent, &effect->id);
    if (effect->kind == RECONCILER_RESIZE && h && h->has_no_update) {
        resize_by_cgroup(h);
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
