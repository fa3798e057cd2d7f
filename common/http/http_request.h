/* Parses a request's head and body. Private to the HTTP server. Takes bytes; no I/O. */
#ifndef CORRAL_COMMON_HTTP_HTTP_REQUEST_H
#define CORRAL_COMMON_HTTP_HTTP_REQUEST_H

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
    char *target, *query; /* query points into target */
    struct http_field field[HTTP_HEADERS_MAX];
    unsigned fields;
    bool in_value;
    struct http_body body;
    size_t max_body;
    bool head_done, done, keep_alive, expects_continue;
    int refusal; /* the code with which a callback stopped the parser; 0: none did */
};

void http_request_init(struct http_request *r, size_t max_body);
void http_request_fini(struct http_request *r);

/* Takes a whole head, including its empty line. Returns 0 or the code of the refusal. */
int http_request_head(struct http_request *r, const char *bytes, size_t len, struct err *e) MUST_CHECK;

/* Takes bytes of the body; *used gets how many bytes belonged to it. Sets done at its end. */
int http_request_body(struct http_request *r, const char *bytes, size_t len, size_t *used,
                      struct err *e) MUST_CHECK;

/* Replaces the largest body that is accepted by max_body. ERR_TOO_LARGE if the head states a larger one. */
int http_request_bound(struct http_request *r, size_t max_body, struct err *e) MUST_CHECK;

const char *http_request_field(const struct http_request *r, const char *name);

/* Writes a parameter of the query, decoded, into out. Returns false if it is missing, given twice, badly
 * encoded or too long. */
bool http_request_query(const struct http_request *r, const char *name, char *out, size_t size);

/* As http_request_query, of the nth parameter of this name, counted from 0: others do not matter. */
bool http_request_query_nth(const struct http_request *r, const char *name, unsigned nth, char *out,
                            size_t size);

#endif
