/*
 * The image's files in folders that the sandbox's disk is mounted over: copied to there before anything runs,
 * as Docker does it for its volumes. By the init and not by the agent, so that what an image is made of costs
 * and hurts its sandbox alone: with the sandbox's user, limits and system calls, from a tree that is
 * read-only and has nothing mounted in it, following no link but at a folder's own path, within that tree.
 *
 * Copied are folders, ordinary files (with their holes), links and pipes, with their times and their modes
 * less the bits that make others of who runs them; names of one file stay that. They are the sandbox's user's
 * own, no matter whose they were. Left out: devices and sockets, and what that user may not read. What is
 * there already stays.
 */
#ifndef CORRAL_AGENT_INIT_COPY_H
#define CORRAL_AGENT_INIT_COPY_H

#include "agent/init/init_proto.h"

#include <sys/types.h>

struct init_copy {
    bool begun, over;
    int result_fd; /* of the child that copies; -1: none */
    struct init_copied result;
};

void init_copy_init(struct init_copy *copy);

/*
 * Begins: tree is the image's root, taken; folders the payload of a COPY. In a child, but where the sandbox
 * may have none; over is set then, or once the child's word was read.
 */
void init_copy_start(struct init_copy *copy, int tree, const uint8_t *folders, size_t len);

/* After poll announced result_fd. */
void init_copy_read(struct init_copy *copy);

#endif
