/* DELETE /sandbox/{id}?logs=false: what a DELETE is told to do beside, on the sandbox's node. */
#include "controller/ops/ops.h"

#include "common/base/mem.h"

#include <stdlib.h>

struct log_drop {
    struct controller *controller;
    struct api_call *call;
    struct sandbox_id id;
    char *json; /* of the answer 202; NULL: 204 */
};

static void drop_free(struct log_drop *drop)
{
    free(drop->json);
    free(drop);
}

static void on_closed(void *arg, int code, const char *text)
{
    struct log_drop *drop = arg;
    char detail[MUX_TEXT_MAX + 128];
    snprintf(detail, sizeof detail, "the sandbox is deleted, but not its logs; ask again: %s", text);
    if (code)
        ops_fail(drop->call, code == ERR_CANCELLED ? ERR_NODE_TIMEOUT : code, detail);
    else if (drop->json)
        api_answer_json(drop->call, 202, NULL, drop->json);
    else
        api_answer_empty(drop->call, 204, NULL);
    drop_free(drop);
}

static void on_node(void *arg, int code, const struct err *error, const char *node)
{
    static const struct hub_stream_ops ops = {.on_closed = on_closed};
    struct log_drop *drop = arg;
    struct stream_open open = {.sandbox = drop->id, .op = STREAM_LOGS_DROP};
    struct hub_stream *stream;
    struct err e;
    if (!code) {
        error = &e;
        code = hub_stream_open(leader_streams(drop->controller->leader), node, &drop->call->caller, &open,
                               &ops, drop, &stream, &e);
    }
    if (code)
        on_closed(drop, code, error->text);
}

void ops_drop_logs(struct controller *c, struct api_call *call, const struct sandbox_id *id, const char *json)
{
    struct log_drop *drop = mem_zalloc(sizeof *drop);
    *drop =
        (struct log_drop){.controller = c, .call = call, .id = *id, .json = json ? mem_strdup(json) : NULL};
    db_sandbox_node(c->pool, id->text, ops_owner(call), on_node, drop);
}
