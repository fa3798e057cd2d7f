#include "controller/api/api_openapi.h"

#include "controller/api/api_query.h"
#include "controller/api/api_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    if (!strncmp(answer, "text|", 5))
        return json_pack("{s:{s:{s:s}},s:{s:o}}", "text/plain", "schema", "type", "string",
                         "application/x-ndjson", "schema", reference("schemas", answer + 5));
    if (!strncmp(answer, "events|", 7))
        return json_pack("{s:{s:o}}", "text/event-stream", "schema", reference("schemas", answer + 7));
    if (!strcmp(answer, "bytes"))
        return json_pack("{s:{}}", "application/octet-stream");
    if (!strcmp(answer, "tar"))
        return json_pack("{s:{}}", "application/x-tar");
    json_t *schema = !strcmp(answer, "object") ? json_pack("{s:s}", "type", "object")
                     : strchr(answer, '[')     ? page_of(answer)
                                               : reference("schemas", answer);
    return json_pack("{s:{s:o}}", "application/json", "schema", schema);
}

static json_t *success(const struct api_route *r)
{
    json_t *out = json_pack("{s:s,s:o}", "description",
                            r->status == 101 ? "The connection is handed over"
                            : r->answer[0]   ? "Done"
                                             : "Done; the answer has no body",
                            "headers",
                            json_pack("{s:o,s:o}", "X-Request-Id", reference("headers", "RequestId"),
                                      "traceresponse", reference("headers", "TraceResponse")));
    json_t *content = r->answer[0] ? content_of(r->answer) : NULL;
    json_t *other = r->or_answer ? content_of(r->or_answer) : NULL;
    if (other)
        json_object_update(content, other);
    json_decref(other);
    if (content)
        json_object_set_new(out, "content", content);
    return out;
}

static void other_successes(const struct api_route *r, json_t *responses)
{
    char also[8];
    snprintf(also, sizeof also, "%d", r->also);
    if (r->also)
        json_object_set_new(
            responses, also,
            json_pack("{s:s}", "description",
                      r->also == 101 ? "The connection is handed over" : "Done; the answer has no body"));
    if (r->ranges)
        json_object_set_new(responses, "206",
                            json_pack("{s:s,s:o}", "description", "The part that Range asks for", "content",
                                      content_of(r->answer)));
    if (!r->later)
        return;
    json_t *accepted = json_pack("{s:s}", "description", "Recorded; carried out later");
    json_object_set_new(accepted, "content", content_of(r->later));
    json_object_set_new(responses, "202", accepted);
}

static json_t *responses_of(const struct api_route *r)
{
    char status[8];
    snprintf(status, sizeof status, "%d", r->status);
    json_t *out = json_pack("{s:o}", status, success(r));
    other_successes(r, out);
    json_object_set_new(out, "4XX", reference("responses", "Problem"));
    json_object_set_new(out, "5XX", reference("responses", "Problem"));
    return out;
}

static json_t *parameters_of(const struct api_routes *routes, const struct api_route *r)
{
    json_t *out = json_array();
    for (const char *at = r->path; (at = strchr(at, '{')); at++) {
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(at + 1, "}"), at + 1);
        json_array_append_new(out, json_pack("{s:s,s:s,s:b,s:{s:s}}", "name", name, "in", "path", "required",
                                             1, "schema", "type", "string"));
    }
    json_t *query = api_query_describe(routes, r);
    json_array_extend(out, query);
    json_decref(query);
    if (!strcmp(r->method, "POST") && r->status == 201)
        json_array_append_new(out, reference("parameters", "IdempotencyKey"));
    if (!strcmp(r->method, "PATCH"))
        json_array_append_new(out, reference("parameters", "IfMatch"));
    if (r->async)
        json_array_append_new(out, reference("parameters", "Prefer"));
    return out;
}

static const char *tag_of(const struct api_route *r)
{
    return r->scope == API_ADMIN                             ? "administration"
           : r->scope == API_OPEN || r->scope == API_METRICS ? "service"
                                                             : "sandboxes";
}

static void describe_body(const struct api_route *r, json_t *operation)
{
    if (r->streamed_body)
        json_object_set_new(
            operation, "requestBody",
            json_pack("{s:b,s:{s:{}}}", "required", 0, "content", "application/octet-stream"));
    else if (r->body != &no_body)
        json_object_set_new(operation, "requestBody",
                            json_pack("{s:b,s:{s:{s:o}}}", "required", !r->body->optional, "content",
                                      "application/json", "schema", api_schema_describe(r->body)));
}

static json_t *operation_of(const struct api_routes *routes, const struct api_route *r)
{
    char operation[API_OPERATION_MAX];
    api_route_operation(r, operation);
    json_t *out = json_pack("{s:s,s:s,s:[s],s:o}", "operationId", operation, "summary", r->summary, "tags",
                            tag_of(r), "responses", responses_of(r));
    json_t *parameters = parameters_of(routes, r);
    if (json_array_size(parameters))
        json_object_set(out, "parameters", parameters);
    json_decref(parameters);
    if (r->scope == API_OPEN)
        json_object_set_new(out, "security", json_array());
    else if (api_route_ticketed(routes, r))
        json_object_set_new(out, "security",
                            json_pack("[{s:[]},{s:[]},{s:[]}]", "apiKey", "bearer", "ticket"));
    describe_body(r, out);
    return out;
}

static json_t *paths(const struct api_routes *routes)
{
    json_t *out = json_object();
    for (size_t at = 0; at < routes->count; at++) {
        const struct api_route *r = &routes->route[at];
        char method[8] = "";
        for (size_t i = 0; r->method[i] && i < sizeof method - 1; i++)
            method[i] = (char)(r->method[i] | 0x20);
        if (!json_object_get(out, r->path))
            json_object_set_new(out, r->path, json_object());
        json_object_set_new(json_object_get(out, r->path), method, operation_of(routes, r));
    }
    return out;
}

char *api_openapi_text(const struct api_routes *routes)
{
    json_error_t where;
    json_t *root = json_loads(routes->objects, JSON_REJECT_DUPLICATES, &where);
    if (!root) {
        fprintf(stderr, "the objects of the description, line %d: %s\n", where.line, where.text);
        abort();
    }
    json_t *info = json_object_get(root, "info");
    json_object_set_new(info, "version", json_string(CORRAL_VERSION));
    json_object_set_new(root, "paths", paths(routes));
    if (routes->describe)
        routes->describe(json_object_get(json_object_get(root, "components"), "schemas"));
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}
