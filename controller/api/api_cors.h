/*
 * Cross-origin requests of browsers: allowed only for configured origins (WHATWG Fetch, section 3.2). Private
 * to the API.
 */
#ifndef CORRAL_CONTROLLER_API_API_CORS_H
#define CORRAL_CONTROLLER_API_API_CORS_H

#include "common/http/http_server.h"

#define CORS_HEADERS_MAX 640

/*
 * Writes the headers that let the request's origin read the answer, or "". origins: separated by commas, "*"
 * for any; NULL or "" for none.
 */
void api_cors_headers(const char *origins, const struct http_exchange *x, char out[static CORS_HEADERS_MAX]);

/* Whether this is a preflight request of an allowed origin; out: the further headers of its answer (204). */
bool api_cors_preflight(const char *origins, const struct http_exchange *x,
                        char out[static CORS_HEADERS_MAX]);

#endif
