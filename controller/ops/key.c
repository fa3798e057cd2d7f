/* The operations on API keys. */
#include "controller/ops/ops.h"

#include "controller/db/db_user.h"

#include <stdlib.h>

/* This controller learns the key before the answer to its creator is sent. */
static void on_key_created(void *arg, int code, const struct err *e, const char *json, const char *prefix)
{
    struct ops_call *o = arg;
    if (prefix)
        ops_key_changed(o->controller, prefix);
    ops_answer_created(o->call, code, e, json);
    free(o);
}

void ops_key_create(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    char id[31];
    ops_new_id("key_", id);
    db_key_create(c->pool, call->param[0], id, call->body, &actor, on_key_created, ops_call_new(c, call));
}

void ops_key_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_key_list(c->pool, call->param[0], ops_cursor(call), call->limit, ops_answer_page, call);
}

void ops_key_show(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_key_get(c->pool, call->param[0], call->param[1], ops_answer_json, call);
}

void ops_key_patch(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_key_patch(c->pool, call->param[0], call->param[1], call->body, &actor, ops_tenant_changed,
                 ops_call_new(c, call));
}

static void on_key_revoked(void *arg, int code, const struct err *e, const char *json)
{
    struct ops_call *o = arg;
    ops_key_changed(o->controller, "*");
    ops_answer_gone(o->call, code, e, json);
    free(o);
}

void ops_key_delete(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_key_revoke(c->pool, call->param[0], call->param[1], &actor, on_key_revoked, ops_call_new(c, call));
}

/* --- one's own --- */

void ops_own_key_create(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    char id[31];
    ops_new_id("key_", id);
    db_own_key_create(c->pool, id, call->body, &actor, on_key_created, ops_call_new(c, call));
}

void ops_own_key_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_key_list(c->pool, call->caller.user_id, ops_cursor(call), call->limit, ops_answer_page, call);
}

void ops_own_key_delete(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_own_key_revoke(c->pool, call->param[0], &actor, on_key_revoked, ops_call_new(c, call));
}
