/*
 * Whether the host (its disks, its processes, containerd, runc) is to blame that Docker did not create or
 * start a container, or the request is. A host that is to blame three times in a row takes no more sandboxes,
 * so nothing that a tenant can cause may look like a fault of the host: neither the kernel's errors about the
 * sandbox's own limits and disk, nor a path in its image that reads like them. An unknown error is not the
 * host's fault. Pure.
 */
#ifndef CORRAL_AGENT_DOCKER_DOCKER_FAULT_H
#define CORRAL_AGENT_DOCKER_DOCKER_FAULT_H

#include <stdbool.h>

#define DOCKER_REFUSAL_MAX 8192 /* bytes of a message; a longer one is truncated and not the host's fault */

/* status: of HTTP; message: Docker's full message, NUL-terminated. */
bool docker_host_fault(long status, const char *message);

#endif
