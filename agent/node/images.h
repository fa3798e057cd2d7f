/* Images: which ones this node pulls, which of those it keeps, and which a cleanup may remove. */
#ifndef CORRAL_AGENT_NODE_IMAGES_H
#define CORRAL_AGENT_NODE_IMAGES_H

#include "agent/docker/docker.h"
#include "common/model/image_ref.h"
#include "common/model/node_wire.h"

struct agent;

/* The list of the images that the agent pulled, which it may remove. */
void agent_images_load(struct agent *agent);
void agent_image_pulled(struct agent *agent, const char *ref, const char *id);
void agent_image_used(struct agent *agent, const char *ref);
void agent_image_forget(struct agent *agent, const char *ref);

/* The bounds of a pull for this user; "": for the node itself. */
struct docker_pull_bounds agent_pull_bounds(const struct agent *agent, const char *user);

/* Whether a missing image may be pulled; false: why holds a sentence for tenants, the cause after a colon. */
bool agent_may_pull(const struct agent *agent, const struct image_ref *ref,
                    char why[static NODE_DETAIL_MAX + 1]) MUST_CHECK;

/* Whether a pulled image may stay; why as above. */
bool agent_may_keep(const struct agent *agent, const struct docker_image *image,
                    char why[static NODE_DETAIL_MAX + 1]) MUST_CHECK;

/* It may not stay: removes it. */
void agent_image_refuse(struct agent *agent, const char *ref, const char *id);

#endif
