/* The operations on nodes. */
#include "controller/ops/ops.h"

#include "common/base/mem.h"
#include "controller/db/db_node.h"

#include <stdlib.h>

void ops_node_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_node_list(c->pool, ops_cursor(call), call->limit, ops_answer_page, call);
}

void ops_node_show(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_node_get(c->pool, call->param[0], ops_answer_json, call);
}

struct mark_call {
    struct controller *controller;
    struct api_call *call;
    bool cordoned, draining;
};

static void on_marked(void *arg, int code, const struct err *e, const char *json)
{
    struct mark_call *mark = arg;
    if (!code)
        leader_node_mark(mark->controller->leader, mark->call->param[0], mark->cordoned, mark->draining);
    ops_answer_json(mark->call, code, e, json);
    free(mark);
}

static void mark_node(struct controller *c, struct api_call *call, enum db_node_admin wish)
{
    struct mark_call *mark = mem_zalloc(sizeof *mark);
    struct db_actor actor = ops_actor(call);
    *mark = (struct mark_call){c, call, wish == DB_NODE_CORDON, wish == DB_NODE_DRAIN};
    db_node_set_admin(c->pool, call->param[0], wish, &actor, on_marked, mark);
}

void ops_node_cordon(void *owner, struct api_call *call)
{
    mark_node(owner, call, DB_NODE_CORDON);
}

void ops_node_uncordon(void *owner, struct api_call *call)
{
    mark_node(owner, call, DB_NODE_UNCORDON);
}

void ops_node_drain(void *owner, struct api_call *call)
{
    mark_node(owner, call, DB_NODE_DRAIN);
}

struct node_call {
    struct controller *controller;
    struct api_call *call;
    void (*told)(struct leader *leader, const char *node);
};

static struct node_call *node_call_new(struct controller *c, struct api_call *call,
                                       void (*told)(struct leader *, const char *))
{
    struct node_call *n = mem_zalloc(sizeof *n);
    *n = (struct node_call){c, call, told};
    return n;
}

static void on_node_act(void *arg, int code, const struct err *e, const char *json)
{
    struct node_call *n = arg;
    if (!code)
        n->told(n->controller->leader, n->call->param[0]);
    ops_answer_json(n->call, code, e, json);
    free(n);
}

void ops_node_revoke(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_node_revoke(c->pool, call->param[0], &actor, on_node_act, node_call_new(c, call, leader_node_revoke));
}

void ops_node_delete(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_node_remove(c->pool, call->param[0], &actor, on_node_act, node_call_new(c, call, leader_node_removed));
}
