/* The URLs of ports inside sandboxes: /sandbox/{id}/ports. docs/ports.md describes what they do. */
#include "controller/ops/ops.h"

#include "common/base/mem.h"
#include "controller/api/api_stream.h"
#include "controller/db/db_port.h"
#include "controller/streams/process_act.h"

#include <stdlib.h>
#include <string.h>

#define LIFETIME_SECONDS     3600
#define LIFETIME_SECONDS_MAX 604800
#define URL_MAX              512

/* --- the body --- */

struct port_asked {
    uint16_t port;
    uint64_t lifetime_seconds;
    bool waits; /* for something to listen */
    uint32_t wait_ms;
};

static const struct field fields[] = {
    {"port", FIELD_NUMBER, 1, 65535, NULL, NULL, true, false, NULL},
    {"lifetime_seconds", FIELD_NUMBER, 1, LIFETIME_SECONDS_MAX, NULL, NULL, false, false, NULL},
    {"wait_ms", FIELD_NUMBER, 0, STREAM_PORT_WAIT_MAX, NULL, NULL, false, false, NULL},
};

static void *parse(const json_t *body)
{
    struct port_asked *asked = mem_zalloc(sizeof *asked);
    const json_t *lifetime = json_object_get(body, "lifetime_seconds"),
                 *wait = json_object_get(body, "wait_ms");
    asked->port = (uint16_t)json_integer_value(json_object_get(body, "port"));
    asked->lifetime_seconds = lifetime ? (uint64_t)json_integer_value(lifetime) : LIFETIME_SECONDS;
    asked->waits = wait;
    asked->wait_ms = (uint32_t)json_integer_value(wait);
    return asked;
}

const struct api_body port_body = {.fields = {fields, ARRAY_LEN(fields)}, .parse = parse, .free = free};

/* --- making one --- */

struct port_call {
    struct controller *controller;
    struct api_call *call;
    struct sandbox_id id;
    struct process_act *act;
    char token[PORT_TOKEN_LEN + 1];
};

static void port_call_free(struct port_call *p)
{
    explicit_bzero(p, sizeof *p);
    free(p);
}

/* The database's object, with the URL beside. */
static void answer_made(struct port_call *p, const char *json)
{
    struct json_text text = {0};
    char url[URL_MAX];
    if (!port_server_url(p->controller->ports, p->call->exchange, p->token, url, sizeof url)) {
        ops_fail(p->call, ERR_INTERNAL, "its URL is too long");
        return;
    }
    json_text_object(&text, NULL);
    json_text_str(&text, "url", url);
    json_text_members(&text, json);
    json_text_end(&text);
    api_answer_json(p->call, 201, NULL, text.text.data);
    explicit_bzero(url, sizeof url);
    explicit_bzero(text.text.data, text.text.len);
    json_text_fini(&text);
}

static void on_made(void *arg, int code, const struct err *e, const char *json, bool made)
{
    struct port_call *p = arg;
    if (code)
        api_answer_err(p->call, e);
    else if (made)
        answer_made(p, json);
    else
        api_answer_json(p->call, 201, NULL, json); /* its URL was shown to the first request only */
    port_call_free(p);
}

static void make(struct port_call *p)
{
    const struct port_asked *asked = p->call->request;
    struct db_actor actor = ops_actor(p->call);
    struct db_port_new port = {.sandbox = p->id.text,
                               .port = asked->port,
                               .lifetime_seconds = asked->lifetime_seconds,
                               .needs_admin = p->call->entered};
    char id[31];
    ops_new_id("prt_", id);
    port.id = id;
    port_token_make(p->token, port.sha256);
    db_port_create(p->controller->pool, &port, &actor, on_made, p);
}

static void on_probed(void *arg, int code, const char *text, const struct stream_process *process,
                      size_t count)
{
    struct port_call *p = arg;
    p->act = NULL;
    if (!code) {
        make(p);
        return;
    }
    ops_fail(p->call, code == ERR_CANCELLED ? ERR_WRONG_STATE : code, text);
    port_call_free(p);
}

/* After the wait, the port is made in any case: the answer goes into nothing. */
static void on_gone(void *arg)
{
    struct port_call *p = arg;
    if (!p->act)
        return;
    process_act_cancel(p->act);
    ops_fail(p->call, ERR_CANCELLED, "its client is gone"); /* into nothing */
    port_call_free(p);
}

static void probe(struct port_call *p, const char *node)
{
    static const struct http_stream_ops waits = {.on_gone = on_gone};
    const struct port_asked *asked = p->call->request;
    struct controller *c = p->controller;
    struct stream_open open = {.sandbox = p->id,
                               .op = STREAM_PORT,
                               .port = {.port = asked->port, .wait_ms = asked->wait_ms, .probe = true}};
    struct err e;
    if (process_act_start(&p->act, c->loop, leader_streams(c->leader), node, &p->call->caller, &open,
                          on_probed, p, &e)) {
        api_answer_err(p->call, &e);
        port_call_free(p);
    } else if (!api_stream_await(p->call, &waits, p)) {
        process_act_cancel(p->act);
        port_call_free(p);
    }
}

void ops_port_create(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    const struct port_asked *asked = call->request;
    char node[NODE_NAME_MAX + 1];
    struct port_call *p = mem_zalloc(sizeof *p);
    *p = (struct port_call){.controller = c, .call = call};
    if (!c->ports) {
        ops_fail(call, c->conf->ports_listen_port ? ERR_IO : ERR_NOT_IMPLEMENTED,
                 c->conf->ports_listen_port ? "the controller cannot listen on ports_listen_port now"
                                            : "ports are not served here: ports_listen_port is 0");
        port_call_free(p);
    } else if (!ops_inside(c, call, &p->id, node)) {
        port_call_free(p);
    } else if (asked->waits) {
        probe(p, node);
    } else {
        make(p);
    }
}

/* --- the others: also of a sandbox that does not run --- */

/* Whether the call goes on; else it is answered, or its handler is called again. *owner: whose the sandbox
 * must be. */
static bool may(struct controller *c, struct api_call *call, struct sandbox_id *id, const char **owner)
{
    bool good, wants = ops_wants_entry(call, &good);
    if (!good || !ops_sandbox_id(call, id))
        return false;
    if (wants && !call->entered) {
        ops_enter(c, call, id, true);
        return false;
    }
    *owner = call->entered ? NULL : call->caller.user_id;
    return true;
}

void ops_port_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct sandbox_id id;
    const char *whose;
    if (may(c, call, &id, &whose))
        db_port_list(c->pool, id.text, whose, ops_cursor(call), call->limit, ops_answer_page, call);
}

static void on_deleted(void *arg, int code, const struct err *e, const char *json)
{
    struct ops_call *o = arg;
    if (!code)
        port_server_end(o->controller->ports, o->call->param[1]);
    else /* it may be gone all the same: the answer of an earlier call was lost */
        port_server_check(o->controller->ports, o->call->param[1]);
    ops_answer_gone(o->call, code, e, json);
    free(o);
}

void ops_port_delete(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    struct sandbox_id id;
    const char *whose;
    if (may(c, call, &id, &whose))
        db_port_delete(c->pool, id.text, call->param[1], whose, &actor, on_deleted, ops_call_new(c, call));
}
