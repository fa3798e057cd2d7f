/*
 * How many sandboxes the kernel allows on this node at once, apart from memory and disk. Reads system files;
 * quick, on any thread.
 */
#ifndef CORRAL_AGENT_NODE_HOST_ROOM_H
#define CORRAL_AGENT_NODE_HOST_ROOM_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How many by keyrings: runc joins each container to its own session keyring (keyrings(7)), which the kernel
 * counts for the user that is root in it, up to kernel.keys.maxkeys and maxbytes, or root_maxkeys and
 * root_maxbytes if that is the host's root (remapped: false). Beyond them no container starts. A sixteenth is
 * kept free for containers that are being removed or are not sandboxes. UINT64_MAX: this kernel does not
 * count keys.
 */
uint64_t host_keyrings(bool remapped);

/*
 * How many by file descriptors: the agent keeps files of each sandbox open (its cgroup, its init's link) to
 * guard it. files: how many descriptors it may have.
 */
uint64_t host_descriptors(uint64_t files);

#endif
