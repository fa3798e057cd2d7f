/*
 * Parts of /proc and /sys that are hidden from a sandbox: files with the same content for everybody, which
 * tell about the node or about other sandboxes. docs/hardening.md explains each one that is left visible;
 * tests/chaos/test_sight.py checks it.
 */
#ifndef CORRAL_AGENT_NODE_HOST_MASK_H
#define CORRAL_AGENT_NODE_HOST_MASK_H

#include "common/model/sandbox_spec.h"

/*
 * Docker's own list, ours, and this host's disks (root: of the system, "" for the running one). Appends to
 * *out. The runtime ignores a path that the kernel does not have.
 */
void host_masks(const char *root, struct string_list *out);

/* Read-only paths: Docker's own list. */
void host_read_only(struct string_list *out);

#endif
