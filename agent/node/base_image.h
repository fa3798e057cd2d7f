/* The image of sandboxes that name none: looked for every few seconds, pulled where it is not here. */
#ifndef CORRAL_AGENT_NODE_BASE_IMAGE_H
#define CORRAL_AGENT_NODE_BASE_IMAGE_H

#include "common/model/sandbox_spec.h"

struct agent;

/* It is looked for now where the settings name another than before, and again every few seconds. */
void agent_base_is(struct agent *agent, const struct string_list *settings);
void agent_base_stop(struct agent *agent);

#endif
