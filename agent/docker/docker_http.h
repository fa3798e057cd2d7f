/*
 * Requests to the Docker daemon's unix socket, many at once, on the loop (http_parser over libevent). Private
 * to this folder. Answers are capped; a callback fires once, on the loop, never inside the call.
 */
#ifndef CORRAL_AGENT_DOCKER_DOCKER_HTTP_H
#define CORRAL_AGENT_DOCKER_DOCKER_HTTP_H

#include "common/err.h"
#include "common/loop.h"

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

/* body: JSON text, copied; NULL: none. timeout_ms: of the whole request. */
void docker_http_request(struct docker_http *http, const char *method, const char *path, const char *body,
                         uint64_t timeout_ms, docker_http_cb *cb, void *arg);

/* A GET whose answer never ends: each line goes to on_line, the end (code not 0) to cb. No time limit. */
typedef void docker_http_line_cb(void *arg, const char *line, size_t len);
void docker_http_stream(struct docker_http *http, const char *path, docker_http_line_cb *on_line,
                        docker_http_cb *cb, void *arg);

#endif
