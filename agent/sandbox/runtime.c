#include "agent/sandbox/runtime.h"

#include "agent/agent_state.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <string.h>

struct holder *agent_holder_find(struct agent *agent, const struct sandbox_id *id)
{
    struct holder *h;
    HASH_FIND(hh, agent->holders, id, sizeof *id, h);
    return h;
}

struct holder *agent_holder(struct agent *agent, const struct sandbox_id *id)
{
    struct holder *h = agent_holder_find(agent, id);
    if (h)
        return h;
    h = mem_zalloc(sizeof *h);
    h->agent = agent;
    h->id = *id;
    HASH_ADD(hh, agent->holders, id, sizeof h->id, h);
    return h;
}

void agent_holder_take_spec(struct holder *h, const struct sandbox_spec *spec)
{
    h->idle_timeout_seconds = spec->idle_timeout_seconds;
    h->levels = spec->levels;
    h->idles = !spec->command.count && !spec->use_image_command;
    h->has_no_update = spec->runtime && !strncmp(spec->runtime, "runsc", 5);
}

void agent_holder_folder(const struct holder *h, char out[static 512])
{
    snprintf(out, 512, "%s/%s", h->agent->links_dir, h->id.text);
}
