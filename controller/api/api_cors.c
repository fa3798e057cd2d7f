#include "controller/api/api_cors.h"

#include <stdio.h>
#include <string.h>

#define ORIGIN_MAX 256
#define EXPOSED                                                                                              \
    "ETag, Idempotent-Replay, Link, Location, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, "       \
    "Retry-After, X-Events-After, X-Request-Id, traceresponse"

static bool is_listed(const char *origins, const char *origin)
{
    size_t len = strlen(origin);
    for (const char *at = origins; at && *at; at += strcspn(at, ","), at += *at == ',') {
        at += strspn(at, " ");
        size_t n = strcspn(at, ", ");
        if ((n == 1 && *at == '*') || (n == len && !strncmp(at, origin, n)))
            return true;
    }
    return false;
}

/*
 * The request's origin where it is allowed, else NULL. It has no control characters: the server refuses such
 * headers.
 */
static const char *allowed(const char *origins, const struct http_exchange *x)
{
    const char *origin = http_header(x, "origin");
    return origin && strlen(origin) <= ORIGIN_MAX && is_listed(origins, origin) ? origin : NULL;
}

void api_cors_headers(const char *origins, const struct http_exchange *x, char out[static CORS_HEADERS_MAX])
{
    const char *origin = allowed(origins, x);
    out[0] = 0;
    if (origin)
        snprintf(out, CORS_HEADERS_MAX,
                 "Access-Control-Allow-Origin: %s\r\nAccess-Control-Expose-Headers: " EXPOSED
                 "\r\nVary: Origin\r\n",
                 origin);
}

bool api_cors_preflight(const char *origins, const struct http_exchange *x, char out[static CORS_HEADERS_MAX])
{
    const char *origin = allowed(origins, x);
    if (strcmp(http_method(x), "OPTIONS") || !origin || !http_header(x, "access-control-request-method"))
        return false;
    snprintf(out, CORS_HEADERS_MAX,
             "Access-Control-Allow-Methods: GET, POST, PUT, PATCH, DELETE\r\nAccess-Control-Allow-Headers: "
             "Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, Prefer, X-API-Key, "
             "X-Request-Id, traceparent\r\n"
             "Access-Control-Max-Age: 600\r\n");
    return true;
}
