/*
 * The body of a request as its bytes come: of a stated length, or in chunks (RFC 9112 section 7.1). Stricter
 * than that: no chunk extensions and no trailers, which nothing here reads and others have read differently.
 * Takes bytes; no I/O.
 */
#ifndef CORRAL_COMMON_HTTP_BODY_H
#define CORRAL_COMMON_HTTP_BODY_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_body {
    char *bytes; /* NUL-ended; NULL: none */
    size_t len, room, max;
    size_t seen;   /* bytes of it, kept or not */
    bool discard;  /* what comes is counted and thrown away */
    uint64_t left; /* of the length, or of the chunk */
    unsigned digits;
    int step;
    bool done;
    bool (*sink)(void *arg, const char *bytes,
                 size_t len); /* gets the bytes, none is kept; false: no more now */
    void *arg;
    bool full; /* it said so */
};

/* max: bytes of the body that are taken. */
void http_body_begin_length(struct http_body *b, uint64_t length, size_t max);
void http_body_begin_chunks(struct http_body *b, size_t max);
void http_body_fini(struct http_body *b);

/* Takes bytes until done, or until the sink wants no more; *used gets how many belonged to it. ERR_TOO_LARGE,
 * ERR_BAD_REQUEST. */
int http_body_take(struct http_body *b, const char *bytes, size_t len, size_t *used,
                   struct err *e) MUST_CHECK;

#endif
