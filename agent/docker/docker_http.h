/*
 * Requests to the Docker daemon's unix socket, many at once, on the loop (http_parser over libevent). Private
 * to this folder. Answers are capped; a callback fires once, on the loop, never inside the call.
 */
#ifndef CORRAL_AGENT_DOCKER_DOCKER_HTTP_H
#define CORRAL_AGENT_DOCKER_DOCKER_HTTP_H

#include "common/base/err.h"
#include "common/io/loop.h"

#include <stddef.h>
#include <stdint.h>

#define DOCKER_ANSWER_MAX (8u << 20)

struct docker_http;

/* status: of HTTP, 0 with a code that is not 0. body is NUL-ended and borrowed for the call. */
typedef void docker_http_cb(void *arg, int code, const struct err *e, long status, const char *body,
                            size_t len);

/* Owned; copies socket_path. */
struct docker_http *docker_http_new(struct loop *loop, const char *socket_path);

/* Calls what is outstanding with ERR_CANCELLED, then frees. Not from a callback. */
void docker_http_free(struct docker_http *http);

typedef void docker_http_line_cb(void *arg, const char *line, size_t len);

/* What is asked. Everything is borrowed for the call of docker_http_ask. */
struct docker_ask {
    const char *method, *path;
    const char *body;             /* JSON text; NULL: none */
    uint64_t timeout_ms;          /* of the whole request; 0: none */
    uint64_t silence_ms;          /* without a byte; 0: none */
    docker_http_line_cb *on_line; /* NULL, or gets each line of the answer in place of cb's body */
    const char *header;           /* NULL, or cb's body is what this one says; of a HEAD. Static */
    docker_http_cb *cb;
    void *arg;
};

/* The handle is borrowed, until cb was called. */
struct docker_request;
struct docker_request *docker_http_ask(struct docker_http *http, const struct docker_ask *ask);

/* Hangs up at once; cb gets ERR_CANCELLED in the next turn of the loop. May be called from any callback. */
void docker_http_cancel(struct docker_request *request);

/* Everything that is put into a path: escaped, so that no name can become another path. */
void docker_escape(const char *text, char *out, size_t size);

#endif
