/* The webhooks of users: /sandbox/webhooks. docs/webhooks.md describes what they do. */
#include "controller/ops/ops.h"

#include "common/base/mem.h"
#include "controller/db/db_webhook.h"
#include "controller/webhooks/http_client.h"
#include "controller/webhooks/webhook_sign.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 64
#define LABELS_MAX 16

/* --- bodies --- */

/* What a webhook may ask for, from objects.json (event_patterns.py). */
extern const char webhook_events[];

static const struct field_rule url_rule = {"^[Hh][Tt][Tt][Pp][Ss]?://[^\\s]+$", http_client_url_fault, 0};

static const struct field fields[] = {
    {"url", FIELD_TEXT, 8, HTTP_CLIENT_URL_MAX, NULL, &url_rule, true, false, NULL},
    {"events", FIELD_WORDS, 1, EVENTS_MAX, webhook_events, NULL, true, false, NULL},
    {"labels", FIELD_MAP, 0, LABELS_MAX, NULL, &field_rule_word, false, false, NULL},
};
const struct api_body webhook_body = {.fields = {fields, ARRAY_LEN(fields)}};

static const struct field patch_fields[] = {
    {"url", FIELD_TEXT, 8, HTTP_CLIENT_URL_MAX, NULL, &url_rule, false, false, NULL},
    {"events", FIELD_WORDS, 1, EVENTS_MAX, webhook_events, NULL, false, false, NULL},
    {"labels", FIELD_MAP, 0, LABELS_MAX, NULL, &field_rule_word, false, false, NULL},
    {"enabled", FIELD_TRUTH, 0, 0, NULL, NULL, false, false, NULL},
};
const struct api_body webhook_patch_body = {.fields = {patch_fields, ARRAY_LEN(patch_fields)}};

/* --- secrets --- */

struct secret_call {
    struct api_call *call;
    int status;
    char secret[WEBHOOK_SECRET_TEXT_MAX];
    uint8_t *sealed;
    struct db_sealed seal;
};

static void secret_call_free(struct secret_call *s)
{
    free(s->sealed);
    explicit_bzero(s, sizeof *s);
    free(s);
}

/* A new secret, sealed for this webhook; NULL: the call is answered. */
static struct secret_call *secret_call_new(struct controller *c, struct api_call *call, const char *id,
                                           int status)
{
    struct secret_call *s = mem_zalloc(sizeof *s);
    uint8_t secret[WEBHOOK_SECRET_LEN];
    struct err e;
    *s = (struct secret_call){.call = call, .status = status};
    if (!c->secrets) {
        (void)err_set(
            &e, ERR_INVALID,
            "This controller has no key to seal the secrets of webhooks with; an administrator sets "
            "secrets_key_file");
        goto refused;
    }
    webhook_sign_make(secret);
    webhook_sign_show(secret, sizeof secret, s->secret);
    s->seal.key = secrets_sealing_id(c->secrets);
    int rc = secrets_seal(c->secrets, id, secret, sizeof secret, &s->sealed, &s->seal.len, &e);
    explicit_bzero(secret, sizeof secret);
    if (rc)
        goto refused;
    s->seal.bytes = s->sealed;
    return s;
refused:
    api_answer_err(call, &e);
    secret_call_free(s);
    return NULL;
}

/* The database's object, with the secret beside, only this once. */
static void answer_secret(struct secret_call *s, const char *json)
{
    struct json_text text = {0};
    json_text_object(&text, NULL);
    json_text_str(&text, "secret", s->secret);
    json_text_members(&text, json);
    json_text_end(&text);
    api_answer_json(s->call, s->status, NULL, text.text.data);
    explicit_bzero(text.text.data, text.text.len);
    json_text_fini(&text);
}

static void on_made(void *arg, int code, const struct err *e, const char *json, bool made)
{
    struct secret_call *s = arg;
    if (code)
        api_answer_err(s->call, e);
    else if (made)
        answer_secret(s, json);
    else
        api_answer_json(s->call, s->status, NULL, json);
    secret_call_free(s);
}

void ops_webhook_create(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    char id[31];
    ops_new_id("whk_", id);
    struct secret_call *s = secret_call_new(c, call, id, 201);
    if (s)
        db_webhook_create(c->pool, id, call->body, &s->seal, &actor, on_made, s);
}

static void on_rotated(void *arg, int code, const struct err *e, const char *json)
{
    on_made(arg, code, e, json, true);
}

/* Also an administrator rotates only secrets of their own: they would see another's. */
void ops_webhook_rotate(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    struct secret_call *s = secret_call_new(c, call, call->param[0], 200);
    if (s)
        db_webhook_rotate(c->pool, call->param[0], call->caller.user_id, &s->seal, &actor, on_rotated, s);
}

/* --- the others --- */

void ops_webhook_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    char user[256];
    const char *whose = call->caller.user_id;
    if (!ops_owner(call) && http_query_get(call->exchange, "user", user, sizeof user))
        whose = user;
    db_webhook_list(c->pool, whose, ops_cursor(call), call->limit, ops_answer_page, call);
}

void ops_webhook_show(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_webhook_get(c->pool, call->param[0], ops_owner(call), ops_answer_json, call);
}

void ops_webhook_patch(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_webhook_patch(c->pool, call->param[0], ops_owner(call), call->body, &actor, ops_answer_json, call);
}

void ops_webhook_delete(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    db_webhook_delete(c->pool, call->param[0], ops_owner(call), &actor, ops_answer_gone, call);
}

void ops_delivery_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    char state[16];
    bool narrowed = http_query_get(call->exchange, "state", state, sizeof state);
    db_webhook_deliveries(c->pool, call->param[0], ops_owner(call), narrowed ? state : NULL, ops_cursor(call),
                          call->limit, ops_answer_page, call);
}

static void on_replayed(void *arg, int code, const struct err *e, const char *json)
{
    struct ops_call *o = arg;
    if (!code)
        webhooks_wake(o->controller->webhooks);
    ops_answer_json(o->call, code, e, json);
    free(o);
}

static void replay(struct controller *c, struct api_call *call, const char *event)
{
    struct db_actor actor = ops_actor(call);
    db_webhook_replay(c->pool, call->param[0], ops_owner(call), event, &actor, on_replayed,
                      ops_call_new(c, call));
}

void ops_delivery_replay(void *owner, struct api_call *call)
{
    replay(owner, call, call->param[1]);
}

void ops_delivery_replay_dead(void *owner, struct api_call *call)
{
    replay(owner, call, NULL);
}
