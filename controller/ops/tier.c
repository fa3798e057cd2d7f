/* The operations on tiers. */
#include "controller/ops/ops.h"

#include "controller/db/db_user.h"

void ops_tier_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_tier_list(c->pool, ops_cursor(call), call->limit, ops_answer_page, call);
}

void ops_tier_create(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_tier_create(c->pool, call->body, &actor, ops_answer_created, call);
}

void ops_tier_show(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_tier_get(c->pool, call->param[0], ops_answer_json, call);
}

void ops_tier_patch(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_tier_patch(c->pool, call->param[0], call->body, &actor, ops_tenant_changed, ops_call_new(c, call));
}

void ops_tier_delete(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_tier_delete(c->pool, call->param[0], &actor, ops_answer_gone, call);
}
