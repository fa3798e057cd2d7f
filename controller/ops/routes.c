#include "controller/ops/routes.h"

#include "common/model/sandbox_spec.h"

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

static void add_property(json_t *object, const char *name, json_t *schema)
{
    json_array_append_new(json_object_get(object, "required"), json_string(name));
    json_object_set_new(json_object_get(object, "properties"), name, schema);
}

static json_t *member(json_t *schemas, const char *object, const char *name)
{
    return json_object_get(json_object_get(json_object_get(schemas, object), "properties"), name);
}

/* The rows of limit.def, as members of a tier, of a template, of a sandbox's limits and of what a user may
 * ask for one. */
static void describe_limits(json_t *schemas)
{
    json_t *tier = json_object_get(schemas, "Tier");
    json_t *sandbox = member(schemas, "Sandbox", "limits");
    json_t *template = json_object_get(json_object_get(schemas, "Template"), "properties");
    json_t *quota = member(schemas, "QuotaUsage", "per_sandbox");
#define LIMIT(KIND, name, UNIT, least, most, asked, live, lent, in_quota, ...)                               \
    LIMIT_IF_##asked(json_object_set_new(template, #name, json_pack("{s:s}", "type", "integer"));)           \
        add_property(tier, #name, json_pack("{s:[s,s]}", "type", "integer", "null"));                        \
    LIMIT_IF_##in_quota(add_property(quota, #name, json_pack("{s:[s,s]}", "type", "integer", "null"));)      \
        add_property(sandbox, #name, json_pack("{s:s}", "type", "integer"));
#define LIMIT_TIME(KIND, name, ...)                                                                          \
    json_object_set_new(template, #name, json_pack("{s:s}", "type", "integer"));                             \
    add_property(tier, #name, json_pack("{s:[s,s]}", "type", "integer", "null"));                            \
    add_property(quota, #name, json_pack("{s:[s,s]}", "type", "integer", "null"));
#include "common/model/limit.def"
}

const struct api_routes ops_routes = {routes,      ARRAY_LEN(routes), params, ARRAY_LEN(params),
                                      api_objects, describe_limits};

_Static_assert(ROW_METRICS == ROW_HEALTHZ + 2 && ROW_READYZ == ROW_HEALTHZ + 1, "they stand side by side");

const struct api_routes ops_metrics_routes = {&routes[ROW_HEALTHZ], 3, NULL, 0, NULL, NULL};
