/*
 * The body of a request: its fields as a table (controller/api/api_fields.h), from which validation with its
 * error pointers and the description come, and the parser of what its handler gets. Each resource states its
 * own.
 */
#ifndef CORRAL_CONTROLLER_API_API_SCHEMA_H
#define CORRAL_CONTROLLER_API_API_SCHEMA_H

#include "common/base/err.h"
#include "controller/api/api_fields.h"

#include <jansson.h>

struct api_body {
    struct field_table fields;
    bool optional;        /* it may be left out: then it is parsed as {} */
    const char *apart[2]; /* two fields that say one thing: no body has both */
    /* Makes the request that the handler gets of a body that validated. NULL: the handler takes the JSON
     * text. */
    void *(*parse)(const json_t *body);
    void (*free)(void *request);
};

/* Of a route that takes none. */
extern const struct api_body no_body;

/*
 * Parses and validates. 0: *out is the object (the caller's). ERR_MALFORMED_JSON: e says where. ERR_INVALID:
 * *errors is an array of {pointer, detail} (the caller's).
 */
int api_schema_check(const struct api_body *schema, const char *body, size_t len, json_t **out,
                     json_t **errors, struct err *e) MUST_CHECK;

/* The body as a JSON Schema (draft 2020-12). The caller's. */
json_t *api_schema_describe(const struct api_body *schema);

#endif
