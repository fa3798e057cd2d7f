/* Which images this node has, from what Docker lists and what the agent remembers of its pulls. */
#ifndef CORRAL_AGENT_NODE_IMAGE_INVENTORY_H
#define CORRAL_AGENT_NODE_IMAGE_INVENTORY_H

#include "agent/core/image_memory.h"
#include "agent/docker/docker.h"
#include "common/model/node_image.h"

#define IMAGE_INVENTORY_MAX 1024 /* names; further ones are not told */

/* The digest under which the image is known in the repository of ref; "": none. */
void image_digest_in(const struct string_list *names, const char *ref,
                     char digest[static NODE_IMAGE_DIGEST_MAX + 1]);

/*
 * Fills set with the names of all images, each name once. A name that was pulled by digest has no tag in
 * Docker: the memory says which name it stands for, and goes before Docker's tag. now: wall clock.
 */
void image_inventory(uint64_t now, const struct image_memory *memory, const struct docker_stored *stored,
                     size_t count, const struct docker_listed *containers, size_t container_count,
                     struct node_images *set);

/* The item of this name; NULL: there is none. Borrowed. */
struct node_image *image_inventory_find(const struct node_images *set, const char *ref);

#endif
