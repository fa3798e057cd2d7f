/*
 * Which images of this node are garbage (agent/core/image_gc.h): brings together the list of pulled images,
 * what Docker has and runs, and the disk.
 */
#ifndef CORRAL_AGENT_NODE_IMAGE_GARBAGE_H
#define CORRAL_AGENT_NODE_IMAGE_GARBAGE_H

#include "agent/core/image_gc.h"
#include "common/base/err.h"

struct agent;

struct image_garbage {
    struct gc_image image;
    enum gc_reason why;
};

/* Once, later. items: those that should go, the longest unused first; borrowed for the call. ERR_CANCELLED:
 * the agent is stopping. */
typedef void image_garbage_cb(void *arg, int code, const struct err *e, const struct image_garbage *items,
                              size_t count);

/* Names unused for keep_ms, and what the disk needs. Notes that images which containers have are used, but
 * not in a dry run. */
void image_garbage_find(struct agent *agent, uint64_t keep_ms, bool dry_run, image_garbage_cb *cb, void *arg);

#endif
