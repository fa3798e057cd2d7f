/* The operations on users, keys, tiers, hosts, and what is known of the whole. */
#include "controller/controller_int.h"

#include "common/mem.h"
#include "common/pki.h"
#include "controller/db/db_audit.h"
#include "controller/db/db_history.h"
#include "controller/db/db_migrate.h"
#include "controller/db/db_node.h"
#include "controller/db/db_user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct db_actor ops_actor(const struct api_call *call)
{
    return (struct db_actor){.user_id = call->caller.user_id,
                             .key_id = call->caller.key_id,
                             .address = http_address(call->exchange),
                             .request_id = call->request_id};
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
        api_answer_json(arg, 200, NULL, json ? json : "{}");
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
        api_answer_empty(arg, 204);
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

void ops_event_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_event_filter filter = {
        .owner = ops_owner(call), .after = cursor_of(call), .limit = call->limit};
    db_event_list(c->pool, &filter, ops_answer_json, call);
}

void ops_quota_usage(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_quota_usage(c->pool, call->caller.user_id, call->caller.key_id, &c->defaults, ops_answer_json, call);
}

/* --- the whole --- */

struct stats_call {
    struct controller *controller;
    struct api_call *call;
};

static void on_system_stats(void *arg, int code, const struct err *e, const struct db_system_stats *s)
{
    struct stats_call *sc = arg;
    struct controller *c = sc->controller;
    struct db_pool_stats pool = db_pool_stats(c->pool);
    struct node_link_stats link = cluster_link_stats(c->cluster);
    char *text = NULL;
    size_t len = 0;
    if (code) {
        api_answer_err(sc->call, e);
        free(sc);
        return;
    }
    FILE *out = open_memstream(&text, &len);
    fprintf(out,
            "{\"sandboxes\":%s,\"nodes\":%s,\"capacity\":%s,\"reserved\":%s,\"leader\":%s,"
            "\"queues\":{\"waiters\":%zu,\"database\":%u},"
            "\"database\":{\"pool\":{\"connections\":%u,\"up\":%u,\"in_flight\":%u},\"latency_ms\":%.3f,"
            "\"schema_version\":%d},\"connections\":{\"http\":%u,\"websocket\":0,\"nodes\":%llu},"
            "\"uptime_seconds\":%llu}",
            s->sandboxes, s->nodes, s->capacity, s->reserved, s->leader ? s->leader : "null",
            waiters_count(cluster_waiters(c->cluster)), pool.waiting, pool.connections, pool.up,
            pool.in_flight, pool.latency_ms, s->schema_version, api_connections(c->api),
            (unsigned long long)link.sessions, (unsigned long long)((loop_now_ms() - c->started_ms) / 1000));
    fclose(out);
    api_answer_json(sc->call, 200, NULL, text);
    free(text);
    free(sc);
}

void ops_system_stats(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct stats_call *sc = mem_zalloc(sizeof *sc);
    *sc = (struct stats_call){c, call};
    db_system_stats(c->pool, c->defaults.max_total_sandboxes, on_system_stats, sc);
}

void ops_healthz(void *owner, struct api_call *call)
{
    api_answer_json(call, 200, NULL, "{\"status\":\"ok\"}");
}

void ops_readyz(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct err e;
    if (!db_pool_up(c->pool))
        (void)err_set(&e, ERR_NOT_READY, "the database does not answer");
    else if (!c->schema_good)
        (void)err_set(&e, ERR_NOT_READY, "the schema is not this program's; run corral-controller migrate");
    else if (!cluster_ready(c->cluster))
        (void)err_set(&e, ERR_NOT_READY, "this controller does not lead");
    else {
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
    bool cordoned;
};

static void on_marked(void *arg, int code, const struct err *e, const char *json)
{
    struct mark_call *mark = arg;
    if (!code)
        cluster_node_mark(mark->controller->cluster, mark->call->param[0], mark->cordoned, false);
    ops_answer_json(mark->call, code, e, json);
    free(mark);
}

static void mark_node(struct controller *c, struct api_call *call, bool cordoned)
{
    struct mark_call *mark = mem_zalloc(sizeof *mark);
    struct db_actor actor = ops_actor(call);
    *mark = (struct mark_call){c, call, cordoned};
    db_node_set_admin(c->pool, call->param[0], cordoned ? DB_NODE_CORDON : DB_NODE_UNCORDON, &actor,
                      on_marked, mark);
}

void ops_node_cordon(void *owner, struct api_call *call)
{
    mark_node(owner, call, true);
}

void ops_node_uncordon(void *owner, struct api_call *call)
{
    mark_node(owner, call, false);
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

/* A user's limits are remembered with each key: forgotten with the change. */
static void on_user_changed(void *arg, int code, const struct err *e, const char *json)
{
    struct stats_call *sc = arg;
    api_forget_key(sc->controller->api, "*");
    if (json)
        ops_answer_json(sc->call, code, e, json);
    else
        ops_answer_gone(sc->call, code, e, json);
    free(sc);
}

static struct stats_call *with_controller(struct controller *c, struct api_call *call)
{
    struct stats_call *sc = mem_zalloc(sizeof *sc);
    *sc = (struct stats_call){c, call};
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

void ops_key_create(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    char id[31];
    ops_new_id("key_", id);
    db_key_create(c->pool, call->param[0], id, call->body, &actor, ops_answer_created, call);
}

void ops_key_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_key_list(c->pool, call->param[0], cursor_of(call), call->limit, ops_answer_json, call);
}

static void on_key_revoked(void *arg, int code, const struct err *e, const char *json)
{
    struct stats_call *sc = arg;
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
    db_tier_list(c->pool, ops_answer_json, call);
}

void ops_audit_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_audit_list(c->pool, cursor_of(call), call->limit, ops_answer_json, call);
}
