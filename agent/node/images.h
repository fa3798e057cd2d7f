/* Images: what this host pulls, what of that it keeps, and which of them a cleanup may remove. */
#ifndef CORRAL_AGENT_NODE_IMAGES_H
#define CORRAL_AGENT_NODE_IMAGES_H

#include "agent/docker/docker.h"
#include "common/model/image_ref.h"
#include "common/model/node_wire.h"

struct agent;

/* The images that the agent pulled, which it may remove. */
void agent_images_load(struct agent *agent);
void agent_image_pulled(struct agent *agent, const char *ref, const char *id);
void agent_image_used(struct agent *agent, const char *ref);
void agent_image_forget(struct agent *agent, const char *ref);

/* What a pull for a user may take; "" for the host's own. */
struct docker_pull_bounds agent_pull_bounds(const struct agent *agent, const char *user);

/* Whether one that is not here may be fetched; false with a sentence for tenants, the cause after a colon. */
bool agent_may_pull(const struct agent *agent, const struct image_ref *ref,
                    char why[static NODE_DETAIL_MAX + 1]) MUST_CHECK;

/* Whether what came may stay; false likewise. */
bool agent_may_keep(const struct agent *agent, const struct docker_image *image,
                    char why[static NODE_DETAIL_MAX + 1]) MUST_CHECK;

/* It may not, and goes. */
void agent_image_refuse(struct agent *agent, const char *ref, const char *id);

#endif
