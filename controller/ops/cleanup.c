/* The sweep that an administrator asks for. */
#include "controller/ops/ops.h"

#include "common/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct sweep_call {
    struct api_call *call;
    struct db_actor actor;
};

static void on_swept(void *arg, int code, const struct err *e, const struct cluster_swept *swept)
{
    struct sweep_call *sweep = arg;
    char found[SWEEP_TEXT_MAX], removed[SWEEP_TEXT_MAX], json[2 * SWEEP_TEXT_MAX + 128];
    if (code) {
        api_answer_err(sweep->call, e);
    } else {
        sweep_json(swept->counts.found, found);
        sweep_json(swept->counts.removed, removed);
        snprintf(json, sizeof json,
                 "{\"dry_run\":%s,\"found\":%s,\"removed\":%s,\"duration_ms\":%" PRIu64 "}",
                 swept->dry_run ? "true" : "false", found, removed, swept->duration_ms);
        api_answer_json(sweep->call, 200, NULL, json);
    }
    free(sweep);
}

void ops_system_cleanup(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct sweep_call *sweep = mem_zalloc(sizeof *sweep);
    *sweep = (struct sweep_call){call, ops_actor(call)};
    cluster_sweep(c->cluster, &sweep->actor, call->dry_run, on_swept, sweep);
}
