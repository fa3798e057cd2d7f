/*
 * Requests to the Docker daemon's unix socket, many at once, on the loop (http_parser over libevent). Private
 * to this folder. The size of answers is bounded; a callback fires once, on the loop, never inside the call.
 */
#ifndef CORRAL_AGENT_DOCKER_DOCKER_HTTP_H
#define CORRAL_AGENT_DOCKER_DOCKER_HTTP_H

#include "common/base/err.h"
#include "common/io/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOCKER_ANSWER_MAX (8u << 20)
#define DOCKER_PIECE_MAX  16384

struct docker_http;

/* status: of HTTP; 0 if code is not 0. body is NUL-terminated and borrowed for the call. */
typedef void docker_http_cb(void *arg, int code, const struct err *e, long status, const char *body,
                            size_t len);

/* Owned; copies socket_path. */
struct docker_http *docker_http_new(struct loop *loop, const char *socket_path);

/* Ends pending requests with ERR_CANCELLED, then frees. Not from a callback. */
void docker_http_free(struct docker_http *http);

typedef void docker_http_line_cb(void *arg, const char *line, size_t len);

/* Return false to end the request with ERR_PROTOCOL: the bytes are not what Docker sends. */
typedef bool docker_http_bytes_cb(void *arg, const char *bytes, size_t len);

/* A request. Everything is borrowed during docker_http_ask. */
struct docker_ask {
    const char *method, *path;
    const char *body;    /* JSON text; NULL: none */
    uint64_t timeout_ms; /* of the whole request; 0: none */
    uint64_t silence_ms; /* without a byte received; 0: none */
    const char *auth;    /* value of X-Registry-Auth, without line ends; NULL or "": none */
    docker_http_line_cb
        *on_line; /* called for each line of the answer, cb then gets no body; NULL: no streaming */
    docker_http_bytes_cb *on_bytes; /* called with each piece of a 200's body, at most DOCKER_PIECE_MAX bytes;
                                       cb then gets no body. NULL: no streaming */
    const char *header; /* of a HEAD: the header whose value cb gets as the body; NULL: none. Static */
    docker_http_cb *cb;
    void *arg;
};

/* The handle is borrowed until cb is called. */
struct docker_request;
struct docker_request *docker_http_ask(struct docker_http *http, const struct docker_ask *ask);

/* Closes the connection at once; cb gets ERR_CANCELLED in the next turn of the loop. May be called from any
 * callback. */
void docker_http_cancel(struct docker_request *request);

/* While it is paused, nothing more is read, and Docker soon waits with what it sends; the rest of the piece
 * at hand, and an end in it, is still told. Timeouts of the whole request count on. May be called from any
 * callback. */
void docker_http_pause(struct docker_request *request, bool paused);

/* Where Docker is. Borrowed. */
const char *docker_http_socket(const struct docker_http *http);

/* A connection to Docker of the caller's own, non-blocking; -1 with errno. */
int docker_http_dial(const struct docker_http *http);

/* Escapes text for a request's path, so that no name can become another path. */
void docker_escape(const char *text, char *out, size_t size);

#endif
