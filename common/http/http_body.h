/*
 * Parses a body as its bytes arrive: of a stated length, or in chunks (RFC 9112 section 7.1). Of requests
 * stricter than the RFC: refuses chunk extensions and trailers, which nothing here uses and which other
 * programs have parsed differently. With `lenient`, for answers, which are framed again before anybody gets
 * them, both are passed over, up to 8 KiB each. Takes bytes; no I/O.
 */
#ifndef CORRAL_COMMON_HTTP_HTTP_BODY_H
#define CORRAL_COMMON_HTTP_HTTP_BODY_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_body {
    char *bytes; /* NUL-ended; NULL: none */
    size_t len, room, max;
    size_t seen;   /* bytes of the body so far, kept or not */
    bool discard;  /* further bytes are counted and dropped */
    uint64_t left; /* remaining bytes of the body, or of the chunk */
    unsigned digits, passed;
    int step;
    bool lenient; /* the owner sets it after the beginning */
    bool done;
    bool (*sink)(void *arg, const char *bytes,
                 size_t len); /* gets the bytes instead of keeping them; returns false to take no more now */
    void *arg;
    bool full; /* the sink has returned false */
};

/* max: the largest body that is accepted. */
void http_body_begin_length(struct http_body *b, uint64_t length, size_t max);
void http_body_begin_chunks(struct http_body *b, size_t max);
void http_body_fini(struct http_body *b);
/* Frees the bytes that were kept. */
void http_body_drop(struct http_body *b);

/* Takes bytes until done, or until the sink takes no more; *used gets how many bytes belonged to the
 * body. ERR_TOO_LARGE, ERR_BAD_REQUEST. */
int http_body_take(struct http_body *b, const char *bytes, size_t len, size_t *used,
                   struct err *e) MUST_CHECK;

#endif
