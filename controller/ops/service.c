/* Requests about the service itself: whether it is alive, whether it serves, and its description. */
#include "controller/ops/ops.h"

void ops_healthz(void *owner, struct api_call *call)
{
    api_answer_json(call, 200, NULL, "{\"status\":\"ok\"}");
}

void ops_readyz(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct err e;
    enum db_trouble trouble = db_pool_trouble(c->pool);
    if (trouble)
        (void)err_set(&e, ERR_DATABASE_UNAVAILABLE, "%s", db_trouble_sentence(trouble));
    else if (!c->schema_good)
        (void)err_set(&e, ERR_DATABASE_UNAVAILABLE,
                      "the schema is not this program's; run corral-controller migrate");
    else if (!leader_ready(c->leader))
        (void)err_set(&e, ERR_NOT_LEADING, "this controller does not lead");
    else if (!leader_settled(c->leader, &e)) {
        api_answer_json(call, 200, NULL, "{\"status\":\"ready\"}");
        return;
    }
    api_answer_err(call, &e);
}

void ops_openapi(void *owner, struct api_call *call)
{
    api_answer_description(call);
}
