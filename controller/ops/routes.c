#include "controller/ops/routes.h"

/* objects.json, as the build put it in. */
extern const char api_objects[];

enum row {
#define ROUTE(op, ...) ROW_##op,
#include "controller/ops/routes.def"
#undef ROUTE
};

static const struct api_route routes[] = {
#define ROUTE(op, method, path, scope, body, status, answer, summary, ...)                                   \
    [ROW_##op] = {#op, method, path, API_##scope, &body, status, answer, summary, __VA_ARGS__},
#include "controller/ops/routes.def"
#undef ROUTE
};

static const struct api_param params[] = {
#define PARAM(op, name, type, least, most, choices, help)                                                    \
    {&routes[ROW_##op], name, PARAM_##type, least, most, choices, help},
#include "controller/ops/params.def"
#undef PARAM
};

const struct api_routes ops_routes = {routes, ARRAY_LEN(routes), params, ARRAY_LEN(params), api_objects};
