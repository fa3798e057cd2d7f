/*
 * Requests to Docker from a thread, one connection each, that block: for work that hands a connection to
 * another program, or that is one long sequence of requests. A struct is a copy of where Docker is; any
 * thread.
 */
#ifndef CORRAL_AGENT_DOCKER_DOCKER_DIRECT_H
#define CORRAL_AGENT_DOCKER_DOCKER_DIRECT_H

#include "common/base/err.h"

#include <stddef.h>

#define DOCKER_DIRECT_MS        10000 /* of a request that is answered at once */
#define DOCKER_DIRECT_REPLY_MAX 65536

struct docker;

struct docker_direct {
    char socket[108];
    char prefix[24]; /* "/v1.41" */
};

/* On the loop. */
void docker_direct_copy(const struct docker *docker, struct docker_direct *direct);

/*
 * Sends a request, path without the version. body: JSON text, NULL: none, "chunked": the caller sends it in
 * chunks. *fd: the connection, for the caller to read (and write) and close. Docker closes it after its
 * answer, and takes nothing more. ERR_IO.
 */
int docker_direct_send(const struct docker_direct *direct, const char *method, const char *path,
                       const char *body, int *fd, struct err *e) MUST_CHECK;

/* Asks, and waits for the answer. reply: its head and body, as much as fits; may be NULL. *status: 0 with an
 * error. ERR_IO. */
int docker_direct_ask(const struct docker_direct *direct, const char *method, const char *path,
                      unsigned *status, char *reply, size_t size, struct err *e) MUST_CHECK;

#endif
