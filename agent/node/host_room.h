/*
 * How many sandboxes the kernel lets a host hold at once, whatever memory and disk there are. Reads files of
 * the system; quick, on any thread.
 */
#ifndef CORRAL_AGENT_NODE_HOST_ROOM_H
#define CORRAL_AGENT_NODE_HOST_ROOM_H

#include <stdbool.h>
#include <stdint.h>

/*
 * runc joins each container to a session keyring of its own (keyrings(7)), which the kernel counts for the
 * user that is root in there, up to kernel.keys.maxkeys and maxbytes, or root_maxkeys and root_maxbytes where
 * that is the host's root (remapped: false). Past it no container starts. A sixteenth is left for those that
 * are just being removed, or are no sandboxes. UINT64_MAX: this kernel counts no keys.
 */
uint64_t host_keyrings(bool remapped);

/*
 * The agent holds files of each sandbox open (its cgroup's, its init's link), without which it is no guard.
 * files: how many it may have.
 */
uint64_t host_descriptors(uint64_t files);

#endif
