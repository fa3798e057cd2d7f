/* The operations on users, keys, tiers, hosts, and what is known of the whole. */
#include "controller/controller_int.h"

#include "common/api_key.h"
#include "common/mem.h"
#include "common/pki.h"
#include "controller/db/db_audit.h"
#include "controller/db/db_history.h"
#include "controller/db/db_node.h"
#include "controller/db/db_user.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct db_actor ops_actor(const struct api_call *call)
{
    struct db_actor actor = {.user_id = call->caller.user_id,
                             .key_id = call->caller.key_id,
                             .address = http_address(call->exchange),
                             .request_id = call->request_id,
                             .idempotency_key = call->idempotency_key,
                             .if_match = call->if_match};
    if (actor.idempotency_key) {
        snprintf(actor.route, sizeof actor.route, "%s %s", http_method(call->exchange),
                 http_path(call->exchange));
        SHA256((const unsigned char *)call->body, call->body_len, actor.body_sha256);
    }
    return actor;
}

const char *ops_owner(const struct api_call *call)
{
    return caller_is_admin(&call->caller) ? NULL : call->caller.user_id;
}

void ops_answer_json(void *arg, int code, const struct err *e, const char *json)
{
    if (code)
        api_answer_err(arg, e);
    else
        api_answer_noticed(arg, 200, json ? json : "{}", e ? e->text : NULL);
}

void ops_answer_created(void *arg, int code, const struct err *e, const char *json)
{
    if (code)
        api_answer_err(arg, e);
    else
        api_answer_json(arg, 201, NULL, json);
}

void ops_answer_gone(void *arg, int code, const struct err *e, const char *json)
{
    if (code)
        api_answer_err(arg, e);
    else
        api_answer_empty(arg, 204, NULL);
}

void ops_new_id(const char prefix[static 4], char out[static 31])
{
    uint8_t random[10];
    pki_random(random, sizeof random);
    memcpy(out, prefix, 4);
    ulid_format(out + 4, wall_now_ms(), random);
}

static const char *cursor_of(const struct api_call *call)
{
    return call->cursor[0] ? call->cursor : NULL;
}

static void read_events(struct controller *c, struct api_call *call, db_json_cb *cb, void *arg)
{
    struct db_event_filter filter = {
        .owner = ops_owner(call), .after = cursor_of(call), .limit = call->limit};
    db_event_list(c->reads, &filter, cb, arg);
}

void ops_event_list(void *owner, struct api_call *call)
{
    ops_read(owner, call, read_events);
}

void ops_quota_usage(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_quota_usage(c->pool, call->caller.user_id, call->caller.key_id, &c->defaults, ops_answer_json, call);
}

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
    else if (!cluster_ready(c->cluster))
        (void)err_set(&e, ERR_NOT_LEADING, "this controller does not lead");
    else if (!cluster_settled(c->cluster, &e)) {
        api_answer_json(call, 200, NULL, "{\"status\":\"ready\"}");
        return;
    }
    api_answer_err(call, &e);
}

/* --- hosts --- */

void ops_node_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_node_list(c->pool, cursor_of(call), call->limit, ops_answer_json, call);
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
        cluster_node_mark(mark->controller->cluster, mark->call->param[0], mark->cordoned, mark->draining);
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
    void (*told)(struct cluster *cluster, const char *node);
};

static struct node_call *node_call_new(struct controller *c, struct api_call *call,
                                       void (*told)(struct cluster *, const char *))
{
    struct node_call *n = mem_zalloc(sizeof *n);
    *n = (struct node_call){c, call, told};
    return n;
}

static void on_node_act(void *arg, int code, const struct err *e, const char *json)
{
    struct node_call *n = arg;
    if (!code)
        n->told(n->controller->cluster, n->call->param[0]);
    ops_answer_json(n->call, code, e, json);
    free(n);
}

void ops_node_revoke(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_node_revoke(c->pool, call->param[0], &actor, on_node_act, node_call_new(c, call, cluster_node_revoke));
}

void ops_node_delete(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_node_remove(c->pool, call->param[0], &actor, on_node_act,
                   node_call_new(c, call, cluster_node_removed));
}

/* --- users, keys, tiers --- */

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
    db_user_list(c->pool, cursor_of(call), call->limit, ops_answer_json, call);
}

void ops_user_show(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_user_get(c->pool, call->param[0], ops_answer_json, call);
}

struct owned_call {
    struct controller *controller;
    struct api_call *call;
};

/* A user's limits are remembered with each key: forgotten with the change. */
static void on_user_changed(void *arg, int code, const struct err *e, const char *json)
{
    struct owned_call *sc = arg;
    api_forget_key(sc->controller->api, "*");
    if (json || code)
        ops_answer_json(sc->call, code, e, json);
    else
        ops_answer_gone(sc->call, code, e, json);
    free(sc);
}

static struct owned_call *with_controller(struct controller *c, struct api_call *call)
{
    struct owned_call *sc = mem_zalloc(sizeof *sc);
    *sc = (struct owned_call){c, call};
    return sc;
}

void ops_user_patch(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_user_patch(c->pool, call->param[0], call->body, &actor, on_user_changed, with_controller(c, call));
}

void ops_user_delete(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_user_delete(c->pool, call->param[0], &actor, on_user_changed, with_controller(c, call));
}

/* Known here before its maker knows it. */
static void on_key_created(void *arg, int code, const struct err *e, const char *json)
{
    struct owned_call *sc = arg;
    const char *key = json ? strstr(json, "\"crl_") : NULL;
    char prefix[API_KEY_PREFIX_LEN + 1];
    if (key) {
        snprintf(prefix, sizeof prefix, "%s", key + 1);
        api_forget_key(sc->controller->api, prefix);
    }
    ops_answer_created(sc->call, code, e, json);
    free(sc);
}

void ops_key_create(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    char id[31];
    ops_new_id("key_", id);
    db_key_create(c->pool, call->param[0], id, call->body, &actor, on_key_created, with_controller(c, call));
}

void ops_key_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_key_list(c->pool, call->param[0], cursor_of(call), call->limit, ops_answer_json, call);
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
    db_key_patch(c->pool, call->param[0], call->param[1], call->body, &actor, on_user_changed,
                 with_controller(c, call));
}

static void on_key_revoked(void *arg, int code, const struct err *e, const char *json)
{
    struct owned_call *sc = arg;
    api_forget_key(sc->controller->api, "*");
    ops_answer_gone(sc->call, code, e, json);
    free(sc);
}

void ops_key_delete(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_key_revoke(c->pool, call->param[0], call->param[1], &actor, on_key_revoked, with_controller(c, call));
}

void ops_tier_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_tier_list(c->pool, cursor_of(call), call->limit, ops_answer_json, call);
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
    db_tier_patch(c->pool, call->param[0], call->body, &actor, on_user_changed, with_controller(c, call));
}

void ops_tier_delete(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_tier_delete(c->pool, call->param[0], &actor, ops_answer_gone, call);
}

static void read_audit(struct controller *c, struct api_call *call, db_json_cb *cb, void *arg)
{
    static const char *const names[] = {"actor", "action", "target", "result", "from", "to"};
    char text[ARRAY_LEN(names)][512];
    const char *value[ARRAY_LEN(names)];
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        value[i] = http_query_get(call->exchange, names[i], text[i], sizeof text[i]) ? text[i] : NULL;
    struct db_audit_filter filter = {.actor = value[0],
                                     .action = value[1],
                                     .target = value[2],
                                     .result = value[3],
                                     .from = value[4],
                                     .to = value[5],
                                     .before = cursor_of(call),
                                     .limit = call->limit};
    db_audit_list(c->reads, &filter, cb, arg);
}

void ops_audit_list(void *owner, struct api_call *call)
{
    ops_read(owner, call, read_audit);
}
