#include "agent/sandbox/runtime.h"

#include "agent/agent_state.h"
#include "agent/sandbox/relay.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct runtime *agent_runtime_find(struct agent *agent, const struct sandbox_id *id)
{
    struct runtime *runtime;
    HASH_FIND(hh, agent->runtimes, id, sizeof *id, runtime);
    return runtime;
}

struct runtime *agent_runtime(struct agent *agent, const struct sandbox_id *id)
{
    struct runtime *runtime = agent_runtime_find(agent, id);
    if (runtime)
        return runtime;
    runtime = mem_zalloc(sizeof *runtime);
    runtime->agent = agent;
    runtime->id = *id;
    HASH_ADD(hh, agent->runtimes, id, sizeof runtime->id, runtime);
    return runtime;
}

void agent_runtime_take_spec(struct runtime *runtime, const struct sandbox_spec *spec)
{
    runtime->idle_timeout_seconds = spec->idle_timeout_seconds;
    runtime->levels = spec->levels;
    runtime->idles = !spec->command.count && !spec->use_image_command;
    runtime->checks_ready = spec->ready_command.count > 0;
    free(runtime->kernel);
    runtime->kernel = agent_relay_may(spec) ? mem_strdup(spec->runtime) : NULL;
    runtime->has_no_update = spec->runtime && !strncmp(spec->runtime, "runsc", 5);
}

void agent_runtime_folder(const struct runtime *runtime, char out[static 512])
{
    snprintf(out, 512, "%s/%s", runtime->agent->links_dir, runtime->id.text);
}
