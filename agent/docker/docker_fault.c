#include "agent/docker/docker_fault.h"

#include "common/base/defs.h"

#include <string.h>

/* Prefixes that Docker (several versions) and containerd's shim put before an error, outermost first. */
static const char *const wrappers[] = {
    "failed to create task for container: ", "failed to create shim task: ", "failed to create shim: ",
    "OCI runtime create failed: ",           "OCI runtime start failed: ",   "runc create failed: ",
};

/* An error that begins like this, after the prefixes, came before runc saw the container, or runc could not
 * be run. */
static const char *const beginnings[] = {
    "failed to start shim: ",
    "connection error: desc = ", /* containerd's socket */
    "unable to retrieve OCI runtime error",
    "ttrpc: closed", /* its shim has ended */
    /* runc's own process, before it uses anything of the image: the host has no keyring left */
    "unable to start container process: error during container init: unable to join session keyring: ",
};

/*
 * From one of these on, the error happened within the sandbox's limits, on its own disk and in its own image,
 * in runc's new process or in Docker, which mounts all of it to look at a file. So an error of the kernel
 * says nothing about the host. The text is searched anywhere in the message: a tenant who puts it into a path
 * only clears the host.
 */
static const char *const inside[] = {"unable to start container process", "container init", "rootfs",
                                     "/merged/"};

/* Errors are wrapped from the left, so the kernel's or gRPC's message is last: no path follows it. */
static const char *const endings[] = {
    ": no space left on device",
    ": disk quota exceeded",
    ": read-only file system",
    ": input/output error",
    ": structure needs cleaning",
    ": too many open files",
    ": too many open files in system",
    ": cannot allocate memory",
    ": resource temporarily unavailable",
    ": unavailable",
    ": connection refused",
};

static const char *unwrap(const char *message)
{
    for (size_t i = 0; i < ARRAY_LEN(wrappers); i++) {
        size_t len = strlen(wrappers[i]);
        if (!strncmp(message, wrappers[i], len)) {
            message += len;
            i = (size_t)-1;
        }
    }
    return message;
}

static bool ends_in(const char *text, size_t len, const char *ending)
{
    size_t n = strlen(ending);
    return len >= n && !memcmp(text + len - n, ending, n);
}

bool docker_host_fault(long status, const char *message)
{
    static const char unknown[] = ": unknown"; /* gRPC's code for an error without one */
    size_t len = strlen(message);
    if (status < 500 || len + 1 >= DOCKER_REFUSAL_MAX)
        return false;
    const char *cause = unwrap(message);
    for (size_t i = 0; i < ARRAY_LEN(beginnings); i++) {
        if (!strncmp(cause, beginnings[i], strlen(beginnings[i])))
            return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
        if (strstr(message, inside[i]))
            return false;
    }
    if (ends_in(message, len, unknown))
        len -= strlen(unknown);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        if (ends_in(message, len, endings[i]))
            return true;
    }
    return false;
}
