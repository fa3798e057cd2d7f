/*
 * The root of a container as its image made it: a private read-only mount without the mounts inside it, so
 * that the files below its volumes can be seen. It is attached to no path, and disappears with its last
 * descriptor.
 */
#ifndef CORRAL_AGENT_DISK_IMAGE_TREE_H
#define CORRAL_AGENT_DISK_IMAGE_TREE_H

#include "common/io/worker.h"

#include <sys/types.h>

/* tree: owned by the callback; -1 with a code. */
typedef void image_tree_cb(void *arg, int code, const struct err *e, int tree);

/* Opens the tree of the container that this process is in. A job of the worker, in order with the sandbox's
 * other jobs. ERR_IO: the process is gone, or the kernel has no such mounts (Linux 5.12). */
void image_tree_open(struct worker *worker, const struct sandbox_id *id, pid_t pid, image_tree_cb *cb,
                     void *arg);

#endif
