/*
 * Copies the image's files in folders that the sandbox's disk is mounted over onto that disk before anything
 * runs, as Docker does for its volumes. The init copies, not the agent, so that the cost and the danger of an
 * image affect only its sandbox: it uses the sandbox's user, limits and system calls, reads from a read-only
 * tree without mounts inside, and follows links only in a folder's own path, within that tree.
 *
 * It copies folders, regular files (with their holes), links and pipes, with their times and their modes
 * except setuid and setgid; hard links stay hard links. The copies belong to the sandbox's user, whatever the
 * owner in the image. Devices, sockets and files that this user may not read are left out. Existing files are
 * kept.
 */
#ifndef CORRAL_AGENT_INIT_INIT_COPY_H
#define CORRAL_AGENT_INIT_INIT_COPY_H

#include "agent/init/init_proto.h"

#include <sys/types.h>

struct init_copy {
    bool begun, over;
    int result_fd; /* from the child that copies; -1: none */
    struct init_copied result;
};

void init_copy_init(struct init_copy *copy);

/*
 * Begins. tree is the image's root, taken over; folders is the payload of a COPY. Copies in a child, unless
 * the sandbox may have no other process; over is set then, or once the child's result was read.
 */
void init_copy_start(struct init_copy *copy, int tree, const uint8_t *folders, size_t len);

/* Call after poll announced result_fd. */
void init_copy_read(struct init_copy *copy);

#endif
