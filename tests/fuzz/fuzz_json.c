#include "tests/fuzz/target.h"

#include "controller/api/api_schema.h"

/* The first byte chooses the schema. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct sandbox_request request = {0};
    json_t *body = NULL, *errors = NULL;
    struct err e;
    if (!len)
        return 0;
    enum api_schema schema = (enum api_schema)(SCHEMA_NONE + 1 + bytes[0] % (SCHEMA_COUNT - 1));
    if (!api_schema_check(schema, (const char *)bytes + 1, len - 1, &body, &errors, &e)) {
        if (schema == SCHEMA_SANDBOX)
            api_sandbox_request(body, &request);
        json_decref(body);
    }
    json_decref(errors);
    sandbox_request_fini(&request);
    return 0;
}
