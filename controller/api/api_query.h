/* The query parameters of requests, by their table. Private to the API. */
#ifndef CORRAL_CONTROLLER_API_API_QUERY_H
#define CORRAL_CONTROLLER_API_API_QUERY_H

#include "controller/api/api.h"

#include <jansson.h>

/* 0 where every parameter has a row and fits it. ERR_INVALID names the one that does not. */
int api_query_check(const struct api_routes *routes, const struct api_route *route,
                    const struct http_exchange *x, struct err *e) MUST_CHECK;

/* The parameters of a route, described for OpenAPI. The caller's. */
json_t *api_query_describe(const struct api_routes *routes, const struct api_route *route);

#endif
