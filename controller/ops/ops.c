/* Shared by the operations. */
#include "controller/ops/ops.h"

#include "common/base/mem.h"
#include "common/io/pki.h"

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
                             .trace = &call->trace,
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

void ops_answer_page(void *arg, int code, const struct err *e, const char *json, const char *next)
{
    if (code)
        api_answer_err(arg, e);
    else
        api_answer_page(arg, json, next);
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

const char *ops_cursor(const struct api_call *call)
{
    return call->cursor[0] ? call->cursor : NULL;
}

void ops_fail(struct api_call *call, int code, const char *detail)
{
    struct err e;
    (void)err_set(&e, code, "%s", detail);
    api_answer_err(call, &e);
}

bool ops_fail_unwritten(struct controller *c, struct api_call *call, const char *what)
{
    struct err e;
    enum db_trouble trouble = db_pool_trouble(c->pool);
    if (!trouble)
        return false;
    (void)err_set(&e, ERR_DATABASE_UNAVAILABLE, "%s, and %s; try again", what, db_trouble_sentence(trouble));
    api_answer_err(call, &e);
    return true;
}

bool ops_sandbox_id(struct api_call *call, struct sandbox_id *id)
{
    if (sandbox_id_parse(call->param[0], id))
        return true;
    ops_fail(call, ERR_NOT_FOUND, "There is no such sandbox");
    return false;
}

struct ops_call *ops_call_new(struct controller *c, struct api_call *call)
{
    struct ops_call *o = mem_zalloc(sizeof *o);
    o->controller = c;
    o->call = call;
    return o;
}

void ops_key_changed(struct controller *c, const char *prefix)
{
    api_forget_key(c->api, prefix);
    if (c->metrics_api)
        api_forget_key(c->metrics_api, prefix);
    key_watch_changed(c->keys, prefix);
    port_server_changed(c->ports, prefix);
}

void ops_keys_doubted(struct controller *c)
{
    api_doubt_keys(c->api);
    if (c->metrics_api)
        api_doubt_keys(c->metrics_api);
    key_watch_changed(c->keys, "*");
    port_server_changed(c->ports, "*");
}

void ops_tenant_changed(void *arg, int code, const struct err *e, const char *json)
{
    struct ops_call *o = arg;
    ops_key_changed(o->controller, "*");
    if (json || code)
        ops_answer_json(o->call, code, e, json);
    else
        ops_answer_gone(o->call, code, e, json);
    free(o);
}
