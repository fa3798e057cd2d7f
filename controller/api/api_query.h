/* The query parameters of requests, by their table. Private to the API. */
#ifndef CORRAL_CONTROLLER_API_API_QUERY_H
#define CORRAL_CONTROLLER_API_API_QUERY_H

#include "controller/api/api.h"

#include <jansson.h>

/* 0 where every parameter has a row and fits it. ERR_INVALID names the one that does not. */
int api_query_check(enum api_op op, const struct http_exchange *x, struct err *e) MUST_CHECK;

/* The parameters of an operation, described for OpenAPI. The caller's. */
json_t *api_query_describe(enum api_op op);

#endif
