/*
 * The bodies of requests as tables: one row a field. Validation and error pointers come from them. Private to
 * the API. Only this header and api_int.h expose the JSON library.
 */
#ifndef CORRAL_CONTROLLER_API_API_SCHEMA_H
#define CORRAL_CONTROLLER_API_API_SCHEMA_H

#include "common/base/err.h"
#include "controller/core/sandbox_request.h"

#include <jansson.h>

enum api_schema {
    SCHEMA_NONE,
    SCHEMA_SANDBOX,
    SCHEMA_SANDBOX_PATCH,
    SCHEMA_USER,
    SCHEMA_USER_PATCH,
    SCHEMA_KEY,
    SCHEMA_KEY_PATCH,
    SCHEMA_TIER,
    SCHEMA_TIER_PATCH,
    SCHEMA_CLEANUP,
    SCHEMA_EXEC,
    SCHEMA_COUNT
};

/*
 * Parses and validates. 0: *out is the object (the caller's). ERR_MALFORMED_JSON: e says where. ERR_INVALID:
 * *errors is an array of {pointer, detail} (the caller's).
 */
int api_schema_check(enum api_schema schema, const char *body, size_t len, json_t **out, json_t **errors,
                     struct err *e) MUST_CHECK;

/* Whether the request may have no body. */
bool api_schema_optional(enum api_schema schema);

/* The body as a JSON Schema (draft 2020-12). The caller's. */
json_t *api_schema_describe(enum api_schema schema);

/* Fills the request from a validated body. */
void api_sandbox_request(json_t *body, struct sandbox_request *out);

#endif
