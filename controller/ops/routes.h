/* The routes of the REST interface (controller/ops/routes.def): their handlers, and the bodies that they
 * take. */
#ifndef CORRAL_CONTROLLER_OPS_ROUTES_H
#define CORRAL_CONTROLLER_OPS_ROUTES_H

#include "controller/api/api_route.h"

/* The first of the columns that end a row. */
#define ROUTE_HANDLER(handler, ...) handler

#define ROUTE(op, method, path, scope, body, status, answer, summary, ...)                                   \
    api_handler_fn ROUTE_HANDLER(__VA_ARGS__, 0);                                                            \
    extern const struct api_body body;
#include "controller/ops/routes.def"
#undef ROUTE

/* The table, as the API takes it. */
extern const struct api_routes ops_routes;

/* Those of its rows that the listener of metrics serves: HEALTHZ, READYZ and METRICS. */
extern const struct api_routes ops_metrics_routes;

#endif
