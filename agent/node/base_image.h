/* The image of sandboxes that name none: checked every few seconds, and pulled if it is missing. */
#ifndef CORRAL_AGENT_NODE_BASE_IMAGE_H
#define CORRAL_AGENT_NODE_BASE_IMAGE_H

#include "common/model/sandbox_spec.h"

struct agent;

/* Takes the image's name from the settings: checks at once if it changed, and every few seconds. */
void agent_base_is(struct agent *agent, const struct string_list *settings);
void agent_base_stop(struct agent *agent);

#endif
