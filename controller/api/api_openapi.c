#include "controller/api/api_openapi.h"

#include "controller/api/api_query.h"
#include "controller/api/api_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* objects.json, embedded by the build. */
extern const char api_objects[];

enum who { OPEN, USER, ADMIN, METRICS };

static const struct row {
    const char *name, *method, *path;
    enum who who;
    enum api_schema schema;
    int status;
    const char *answer, *summary;
} rows[OP_COUNT] = {
#define ROUTE(op, method, path, who, schema, status, answer, summary, handler)                               \
    [OP_##op] = {#op, method, path, who, SCHEMA_##schema, status, answer, summary},
#include "controller/api/api_routes.def"
#undef ROUTE
};

static json_t *reference(const char *kind, const char *name)
{
    char text[128];
    snprintf(text, sizeof text, "#/components/%s/%s", kind, name);
    return json_pack("{s:s}", "$ref", text);
}

static json_t *page_of(const char *answer)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(answer, "["), answer);
    return json_pack("{s:s,s:[s,s],s:b,s:{s:{s:s,s:o},s:{s:[s,s]}}}", "type", "object", "required", "items",
                     "next_cursor", "additionalProperties", 0, "properties", "items", "type", "array",
                     "items", reference("schemas", name), "next_cursor", "type", "string", "null");
}

static json_t *content_of(const char *answer)
{
    if (!strcmp(answer, "text"))
        return json_pack("{s:{s:{s:s}}}", "text/plain", "schema", "type", "string");
    json_t *schema = !strcmp(answer, "object") ? json_pack("{s:s}", "type", "object")
                     : strchr(answer, '[')     ? page_of(answer)
                                               : reference("schemas", answer);
    return json_pack("{s:{s:o}}", "application/json", "schema", schema);
}

static json_t *success(const struct row *r)
{
    json_t *out =
        json_pack("{s:s,s:o}", "description", r->answer[0] ? "Done" : "Done; the answer has no body",
                  "headers", json_pack("{s:o}", "X-Request-Id", reference("headers", "RequestId")));
    if (r->answer[0])
        json_object_set_new(out, "content", content_of(r->answer));
    return out;
}

/*
 * Operations that may be answered before they are carried out: when the node is away, or when the caller
 * prefers not to wait.
 */
static const struct delay {
    bool may_be, may_be_asked_for; /* 202, Prefer */
} delays[OP_COUNT] = {
    [OP_SANDBOX_CREATE] = {true, true},  [OP_SANDBOX_PAUSE] = {true, true},
    [OP_SANDBOX_RESUME] = {true, true},  [OP_SANDBOX_PATCH] = {true, false},
    [OP_SANDBOX_DELETE] = {true, false},
};

static void other_successes(const struct row *r, json_t *responses)
{
    if (!delays[r - rows].may_be)
        return;
    json_t *accepted = json_pack("{s:s}", "description", "Recorded; carried out later");
    json_object_set_new(accepted, "content", content_of("Sandbox"));
    json_object_set_new(responses, "202", accepted);
}

static json_t *responses_of(const struct row *r)
{
    char status[8];
    snprintf(status, sizeof status, "%d", r->status);
    json_t *out = json_pack("{s:o}", status, success(r));
    other_successes(r, out);
    json_object_set_new(out, "4XX", reference("responses", "Problem"));
    json_object_set_new(out, "5XX", reference("responses", "Problem"));
    return out;
}

static json_t *parameters_of(const struct row *r)
{
    json_t *out = json_array();
    for (const char *at = r->path; (at = strchr(at, '{')); at++) {
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(at + 1, "}"), at + 1);
        json_array_append_new(out, json_pack("{s:s,s:s,s:b,s:{s:s}}", "name", name, "in", "path", "required",
                                             1, "schema", "type", "string"));
    }
    json_t *query = api_query_describe((enum api_op)(r - rows));
    json_array_extend(out, query);
    json_decref(query);
    if (!strcmp(r->method, "POST") && r->status == 201)
        json_array_append_new(out, reference("parameters", "IdempotencyKey"));
    if (!strcmp(r->method, "PATCH"))
        json_array_append_new(out, reference("parameters", "IfMatch"));
    if (delays[r - rows].may_be_asked_for)
        json_array_append_new(out, reference("parameters", "Prefer"));
    return out;
}

/* SANDBOX_CREATE → sandboxCreate */
static json_t *operation_id(const char *name)
{
    char out[64];
    size_t n = 0;
    for (bool up = false; *name && n < sizeof out - 1; name++) {
        if (*name == '_') {
            up = true;
            continue;
        }
        out[n++] = (char)(up ? *name : *name | 0x20);
        up = false;
    }
    return json_stringn(out, n);
}

static const char *tag_of(const struct row *r)
{
    return r->who == ADMIN ? "administration" : strncmp(r->path, "/sandbox", 8) ? "service" : "sandboxes";
}

static json_t *operation_of(const struct row *r)
{
    json_t *out = json_pack("{s:o,s:s,s:[s],s:o}", "operationId", operation_id(r->name), "summary",
                            r->summary, "tags", tag_of(r), "responses", responses_of(r));
    json_t *parameters = parameters_of(r);
    if (json_array_size(parameters))
        json_object_set(out, "parameters", parameters);
    json_decref(parameters);
    if (r->who == OPEN)
        json_object_set_new(out, "security", json_array());
    if (r->schema)
        json_object_set_new(out, "requestBody",
                            json_pack("{s:b,s:{s:{s:o}}}", "required", !api_schema_optional(r->schema),
                                      "content", "application/json", "schema",
                                      api_schema_describe(r->schema)));
    return out;
}

static json_t *paths(void)
{
    json_t *out = json_object();
    for (int op = 0; op < OP_COUNT; op++) {
        char method[8] = "";
        for (size_t i = 0; rows[op].method[i] && i < sizeof method - 1; i++)
            method[i] = (char)(rows[op].method[i] | 0x20);
        if (!json_object_get(out, rows[op].path))
            json_object_set_new(out, rows[op].path, json_object());
        json_object_set_new(json_object_get(out, rows[op].path), method, operation_of(&rows[op]));
    }
    return out;
}

static void add_property(json_t *object, const char *name, json_t *schema)
{
    json_array_append_new(json_object_get(object, "required"), json_string(name));
    json_object_set_new(json_object_get(object, "properties"), name, schema);
}

/* The rows of limit.def, as members of a tier and of a sandbox's limits. */
static void add_limits(json_t *schemas)
{
    json_t *tier = json_object_get(schemas, "Tier");
    json_t *sandbox =
        json_object_get(json_object_get(json_object_get(schemas, "Sandbox"), "properties"), "limits");
#define LIMIT(KIND, name, ...)                                                                               \
    add_property(tier, #name, json_pack("{s:[s,s]}", "type", "integer", "null"));                            \
    add_property(sandbox, #name, json_pack("{s:s}", "type", "integer"));
#define LIMIT_TIME(KIND, name, ...)                                                                          \
    add_property(tier, #name, json_pack("{s:[s,s]}", "type", "integer", "null"));
#include "common/model/limit.def"
}

char *api_openapi_text(void)
{
    json_error_t where;
    json_t *root = json_loads(api_objects, JSON_REJECT_DUPLICATES, &where);
    if (!root) {
        fprintf(stderr, "objects.json:%d: %s\n", where.line, where.text);
        abort();
    }
    json_object_set_new(json_object_get(root, "info"), "version", json_string(CORRAL_VERSION));
    json_object_set_new(root, "paths", paths());
    add_limits(json_object_get(json_object_get(root, "components"), "schemas"));
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}
