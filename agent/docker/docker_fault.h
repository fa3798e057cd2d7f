/*
 * Whose fault it is that Docker did not create or start a container: of the host (its disks, its processes,
 * containerd, runc), or of what was asked for. A host that is to blame three times in a row takes no more, so
 * what a tenant can bring about must never look like it: neither the kernel's word on the sandbox's own
 * limits and disk, nor a path in its image that reads like it. What is not known here is nobody's fault.
 * Pure.
 */
#ifndef CORRAL_AGENT_DOCKER_DOCKER_FAULT_H
#define CORRAL_AGENT_DOCKER_DOCKER_FAULT_H

#include <stdbool.h>

#define DOCKER_REFUSAL_MAX 8192 /* of a message; what is longer is cut, and then it is nobody's fault */

/* status: of HTTP; message: Docker's whole, NUL-ended. */
bool docker_host_fault(long status, const char *message);

#endif
