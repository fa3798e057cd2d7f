/*
 * Carries out what the controller orders about images (agent/core/image_desired.h), and tells it which images
 * this node has: all of them after each change, and those that are pulled while that goes on.
 */
#ifndef CORRAL_AGENT_NODE_IMAGE_ORDERS_H
#define CORRAL_AGENT_NODE_IMAGE_ORDERS_H

#include "common/model/node_image.h"

#include <stdbool.h>

struct agent;
struct docker_stored;
struct docker_listed;
struct image_orders_run;

struct image_orders_run *image_orders_new(struct agent *agent);
void image_orders_stop(struct image_orders_run *run); /* before Docker's client is freed */
void image_orders_free(struct image_orders_run *run); /* after it */

void image_orders_take(struct image_orders_run *run, const struct image_orders *piece);

/* An image came or went, or the controller knows nothing yet: tells all images soon. */
void image_orders_changed(struct image_orders_run *run);

/* Whether an order keeps this name of an image, or pulls it. */
bool image_orders_keeps(const struct image_orders_run *run, const char *ref);

#endif
