#include "tests/fuzz/target.h"

#include "controller/ops/routes.h"

/* The first byte chooses the schema. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct api_body *const bodies[] = {&sandbox_body,    &sandbox_patch_body, &user_body,
                                                    &user_patch_body, &key_body,           &key_patch_body,
                                                    &tier_body,       &tier_patch_body};
    json_t *body = NULL, *errors = NULL;
    struct err e;
    if (!len)
        return 0;
    const struct api_body *schema = bodies[bytes[0] % ARRAY_LEN(bodies)];
    if (!api_schema_check(schema, (const char *)bytes + 1, len - 1, &body, &errors, &e)) {
        if (schema->parse)
            schema->free(schema->parse(body));
        json_decref(body);
    }
    json_decref(errors);
    return 0;
}
