/*
 * What of /proc and /sys a sandbox does not see: files that the kernel shows alike to everybody, and that
 * tell of the node or of other sandboxes. docs/hardening.md says of each that is left why;
 * tests/chaos/test_sight.py holds it to that.
 */
#ifndef CORRAL_AGENT_NODE_HOST_MASK_H
#define CORRAL_AGENT_NODE_HOST_MASK_H

#include "common/model/sandbox_spec.h"

/*
 * Docker's own list, ours, and this host's disks as root shows them ("" for the running system). Appends to
 * *out. What a kernel does not have is passed over by the runtime.
 */
void host_masks(const char *root, struct string_list *out);

/* What may be read and not written: Docker's own list. */
void host_read_only(struct string_list *out);

#endif
