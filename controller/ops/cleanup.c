/* The cleanup that an administrator requests. */
#include "controller/ops/ops.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"

#include <stdlib.h>

static const struct field fields[] = {
    {"dry_run", FIELD_TRUTH, 0, 0, NULL, NULL, false, false, NULL},
};

/* dry_run */
static void *parse(const json_t *body)
{
    bool *dry_run = mem_zalloc(sizeof *dry_run);
    *dry_run = json_is_true(json_object_get(body, "dry_run"));
    return dry_run;
}

const struct api_body cleanup_body = {
    .fields = {fields, ARRAY_LEN(fields)}, .optional = true, .parse = parse, .free = free};

struct cleanup_call {
    struct api_call *call;
    struct db_actor actor;
};

static void on_cleaned(void *arg, int code, const struct err *e, const struct leader_cleaned *cleaned)
{
    struct cleanup_call *cleanup = arg;
    char found[CLEANUP_TEXT_MAX], removed[CLEANUP_TEXT_MAX];
    if (code) {
        api_answer_err(cleanup->call, e);
    } else {
        cleanup_json(cleaned->counts.found, found);
        cleanup_json(cleaned->counts.removed, removed);
        struct json_text json = {0};
        json_text_object(&json, NULL);
        json_text_bool(&json, "dry_run", cleaned->dry_run);
        json_text_raw(&json, "found", found);
        json_text_raw(&json, "removed", removed);
        json_text_num(&json, "duration_ms", cleaned->duration_ms);
        json_text_end(&json);
        api_answer_json(cleanup->call, 200, NULL, json.text.data);
        json_text_fini(&json);
    }
    free(cleanup);
}

void ops_system_cleanup(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    const bool *dry_run = call->request;
    struct cleanup_call *cleanup = mem_zalloc(sizeof *cleanup);
    *cleanup = (struct cleanup_call){call, ops_actor(call)};
    leader_cleanup(c->leader, &cleanup->actor, *dry_run, on_cleaned, cleanup);
}
