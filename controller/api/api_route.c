#include "controller/api/api_int.h"

const struct route api_routes[OP_COUNT] = {
#define ROUTE(op, method, path, who, schema, status, answer, summary, handler)                               \
    [OP_##op] = {method, path, who, SCHEMA_##schema, answer},
#include "controller/api/api_routes.def"
#undef ROUTE
};
