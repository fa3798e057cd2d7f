/* A request's head and body as they are taken apart. Private to the HTTP server. Takes bytes; no I/O. */
#ifndef CORRAL_COMMON_HTTP_REQUEST_H
#define CORRAL_COMMON_HTTP_REQUEST_H

#include "common/base/err.h"
#include "common/http/http_body.h"
#include "common/http/http_server.h"

#include <http_parser.h>

struct http_field {
    char *name, *value;
};

struct http_request {
    http_parser parser;
    char method[16];
    char *target, *query; /* query: inside target's memory */
    struct http_field field[HTTP_HEADERS_MAX];
    unsigned fields;
    bool in_value;
    struct http_body body;
    size_t max_body;
    bool head_done, done, keep_alive, expects_continue;
    int refusal; /* why a callback stopped the parser; 0: it did not */
};

void http_request_init(struct http_request *r, size_t max_body);
void http_request_fini(struct http_request *r);

/* Takes a whole head, its empty line included. Returns 0 or the code of the refusal. */
int http_request_head(struct http_request *r, const char *bytes, size_t len, struct err *e) MUST_CHECK;

/* Takes bytes of the body; *used gets how many belonged to it. Sets done. */
int http_request_body(struct http_request *r, const char *bytes, size_t len, size_t *used,
                      struct err *e) MUST_CHECK;

/* So many bytes of the body are taken, and not as many as it was begun with. ERR_TOO_LARGE where more were
 * stated. */
int http_request_bound(struct http_request *r, size_t max_body, struct err *e) MUST_CHECK;

const char *http_request_field(const struct http_request *r, const char *name);

/* The parameter of the query, decoded. False where it is not there, stands twice, does not decode or does not
 * fit. */
bool http_request_query(const struct http_request *r, const char *name, char *out, size_t size);

#endif
