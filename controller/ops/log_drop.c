/* DELETE /sandbox/{id}?logs=false: what a DELETE is told to do beside, on the sandbox's node. */
#include "controller/ops/ops.h"

#include "common/base/mem.h"
#include "controller/streams/process_act.h"

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

static void on_dropped(void *arg, int code, const char *text, const struct stream_process *process,
                       size_t count)
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
    struct log_drop *drop = arg;
    struct stream_open open = {.sandbox = drop->id, .op = STREAM_LOGS_DROP};
    struct process_act *act;
    struct err e;
    if (!code) {
        error = &e;
        code = process_act_start(&act, drop->controller->loop, leader_streams(drop->controller->leader), node,
                                 &drop->call->caller, &open, on_dropped, drop, &e);
    }
    if (code)
        on_dropped(drop, code, error->text, NULL, 0);
}

void ops_drop_logs(struct controller *c, struct api_call *call, const struct sandbox_id *id, const char *json)
{
    struct log_drop *drop = mem_zalloc(sizeof *drop);
    *drop =
        (struct log_drop){.controller = c, .call = call, .id = *id, .json = json ? mem_strdup(json) : NULL};
    db_sandbox_node(c->pool, id->text, ops_owner(call), on_node, drop);
}
