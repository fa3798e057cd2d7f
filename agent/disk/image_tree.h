/*
 * The root of a container as its image made it: a mount of its own, read-only, without anything that is
 * mounted in it, so that what is below its volumes can be seen. It is nowhere in any tree of names, and gone
 * with its last descriptor.
 */
#ifndef CORRAL_AGENT_DISK_IMAGE_TREE_H
#define CORRAL_AGENT_DISK_IMAGE_TREE_H

#include "common/io/worker.h"

#include <sys/types.h>

/* tree: the callback's; -1 with a code. */
typedef void image_tree_cb(void *arg, int code, const struct err *e, int tree);

/* Of the container that this process lives in. A job of the worker's, in the order of its sandbox. ERR_IO:
 * it is gone, or the kernel has no such mounts (Linux 5.12). */
void image_tree_open(struct worker *worker, const struct sandbox_id *id, pid_t pid, image_tree_cb *cb,
                     void *arg);

#endif
