#include "agent/sandbox/processes.h"

#include "agent/agent_state.h"
#include "agent/cgroup/cgroup_kill.h"

static const char *container_of(const struct runtime *runtime)
{
    const struct sandbox_record *record = reconciler_find(runtime->agent->reconciler, &runtime->id);
    return record ? record->container_id : "";
}

static int paths_of_container(const struct runtime *runtime, const char *container_id,
                              struct cgroup_paths *out, struct err *e)
{
    return cgroup_paths_of_container(&runtime->agent->mounts, runtime->agent->conf->cgroup_parent,
                                     container_id, out, e);
}

bool agent_has_cgroup(const struct runtime *runtime)
{
    struct cgroup_paths paths;
    struct err e;
    return runtime->cgroup || !paths_of_container(runtime, container_of(runtime), &paths, &e);
}

bool agent_has_processes(const struct runtime *runtime)
{
    struct cgroup_paths paths;
    struct err e;
    if (runtime->cgroup)
        return cgroup_populated(cgroup_sandbox_paths(runtime->cgroup));
    return !paths_of_container(runtime, container_of(runtime), &paths, &e) && cgroup_populated(&paths);
}

/* Docker may put it elsewhere than configured; its process may have ended, and the pid been reused. */
int agent_find_paths(const struct runtime *runtime, const struct docker_state *state,
                     struct cgroup_paths *out, struct err *e)
{
    const char *recorded = container_of(runtime), *id = recorded[0] ? recorded : state->id;
    if (!paths_of_container(runtime, id, out, e))
        return 0;
    int rc = cgroup_paths_of("", state->pid, out, e);
    if (rc || cgroup_paths_carry(out, id))
        return rc;
    return err_set(e, ERR_NOT_FOUND, "process %d is not one of its container", (int)state->pid);
}
