/* The sweep that an administrator asks for. */
#include "controller/ops/ops.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"

#include <stdlib.h>

struct sweep_call {
    struct api_call *call;
    struct db_actor actor;
};

static void on_swept(void *arg, int code, const struct err *e, const struct leader_swept *swept)
{
    struct sweep_call *sweep = arg;
    char found[SWEEP_TEXT_MAX], removed[SWEEP_TEXT_MAX];
    if (code) {
        api_answer_err(sweep->call, e);
    } else {
        sweep_json(swept->counts.found, found);
        sweep_json(swept->counts.removed, removed);
        struct json_text json = {0};
        json_text_object(&json, NULL);
        json_text_bool(&json, "dry_run", swept->dry_run);
        json_text_raw(&json, "found", found);
        json_text_raw(&json, "removed", removed);
        json_text_num(&json, "duration_ms", swept->duration_ms);
        json_text_end(&json);
        api_answer_json(sweep->call, 200, NULL, json.text.data);
        json_text_fini(&json);
    }
    free(sweep);
}

void ops_system_cleanup(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct sweep_call *sweep = mem_zalloc(sizeof *sweep);
    *sweep = (struct sweep_call){call, ops_actor(call)};
    leader_sweep(c->leader, &sweep->actor, call->dry_run, on_swept, sweep);
}
