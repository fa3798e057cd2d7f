/* The operations on users. */
#include "controller/ops/ops.h"

#include "controller/db/db_user.h"

void ops_user_create(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    char id[31];
    ops_new_id("usr_", id);
    db_user_create(c->pool, id, call->body, &actor, ops_answer_created, call);
}

void ops_user_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_user_list(c->pool, ops_cursor(call), call->limit, ops_answer_page, call);
}

void ops_user_show(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_user_get(c->pool, call->param[0], ops_answer_json, call);
}

void ops_user_patch(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_user_patch(c->pool, call->param[0], call->body, &actor, ops_tenant_changed, ops_call_new(c, call));
}

void ops_user_delete(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_user_delete(c->pool, call->param[0], &actor, ops_tenant_changed, ops_call_new(c, call));
}
