#include "agent/sandbox/runtime.h"

#include "agent/agent_state.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <string.h>

struct runtime *agent_runtime_find(struct agent *agent, const struct sandbox_id *id)
{
    struct runtime *h;
    HASH_FIND(hh, agent->runtimes, id, sizeof *id, h);
    return h;
}

struct runtime *agent_runtime(struct agent *agent, const struct sandbox_id *id)
{
    struct runtime *h = agent_runtime_find(agent, id);
    if (h)
        return h;
    h = mem_zalloc(sizeof *h);
    h->agent = agent;
    h->id = *id;
    HASH_ADD(hh, agent->runtimes, id, sizeof h->id, h);
    return h;
}

void agent_runtime_take_spec(struct runtime *h, const struct sandbox_spec *spec)
{
    h->idle_timeout_seconds = spec->idle_timeout_seconds;
    h->levels = spec->levels;
    h->idles = !spec->command.count && !spec->use_image_command;
    h->has_no_update = spec->runtime && !strncmp(spec->runtime, "runsc", 5);
}

void agent_runtime_folder(const struct runtime *h, char out[static 512])
{
    snprintf(out, 512, "%s/%s", h->agent->links_dir, h->id.text);
}
