#include "controller/db/db_webhook.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "controller/db/db_query.h"

#include <stdio.h>
#include <stdlib.h>

struct making {
    db_webhook_made_cb *cb;
    void *arg;
};

static void on_made(void *arg, int code, const struct err *e, const char *json, bool repeated)
{
    struct making making = *(struct making *)arg;
    free(arg);
    making.cb(making.arg, code, e, json, !code && !repeated);
}

void db_webhook_create(struct db_pool *pool, const char *id, const char *body, const struct db_sealed *secret,
                       const struct db_actor *actor, db_webhook_made_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"create_webhook",
                                        "select * from create_webhook($1::jsonb || $2::jsonb, $3)", 3};
    struct making *making = mem_zalloc(sizeof *making);
    struct json_text text = {0};
    *making = (struct making){cb, arg};
    json_text_object(&text, NULL);
    json_text_str(&text, "id", id);
    json_text_hex(&text, "secret", secret->bytes, secret->len);
    json_text_str(&text, "secret_key", secret->key);
    json_text_end(&text);
    char *who = db_actor_json(actor);
    const char *params[] = {body, text.text.data, who};
    db_query_create(pool, &stmt, params, on_made, making);
    json_text_fini(&text);
    free(who);
}

/* Runs an act on a webhook: its id, its owner, at most two words, and the actor. */
static void act(struct db_pool *pool, const struct db_stmt *stmt, const char *id, const char *owner,
                const char *const *words, const struct db_actor *actor, db_json_cb *cb, void *arg)
{
    char *who = db_actor_json(actor);
    const char *params[5] = {id, owner};
    for (int i = 0; i < stmt->params - 3; i++)
        params[2 + i] = words[i];
    params[stmt->params - 1] = who;
    db_query_act(pool, stmt, params, cb, arg);
    free(who);
}

void db_webhook_patch(struct db_pool *pool, const char *id, const char *owner, const char *body,
                      const struct db_actor *actor, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"patch_webhook", "select * from patch_webhook($1, $2, $3, $4)", 4};
    act(pool, &stmt, id, owner, &body, actor, cb, arg);
}

void db_webhook_rotate(struct db_pool *pool, const char *id, const char *owner,
                       const struct db_sealed *secret, const struct db_actor *actor, db_json_cb *cb,
                       void *arg)
{
    static const struct db_stmt stmt = {"rotate_webhook", "select * from rotate_webhook($1, $2, $3, $4, $5)",
                                        5};
    struct text hex = {0};
    for (size_t i = 0; i < secret->len; i++)
        text_fmt(&hex, "%02x", secret->bytes[i]);
    const char *words[] = {hex.data, secret->key};
    act(pool, &stmt, id, owner, words, actor, cb, arg);
    text_fini(&hex);
}

void db_webhook_delete(struct db_pool *pool, const char *id, const char *owner, const struct db_actor *actor,
                       db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"delete_webhook", "select * from delete_webhook($1, $2, $3)", 3};
    act(pool, &stmt, id, owner, NULL, actor, cb, arg);
}

void db_webhook_get(struct db_pool *pool, const char *id, const char *owner, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"get_webhook",
                                        "select webhook_json(w)::text from webhooks w where id = $1 and "
                                        "($2::text is null or user_id = $2)",
                                        2, .class = DB_READ};
    const char *params[] = {id, owner};
    db_query_json(pool, &stmt, params, ERR_NOT_FOUND, "There is no such webhook", cb, arg);
}

void db_webhook_list(struct db_pool *pool, const char *owner, const char *cursor, unsigned limit,
                     db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"list_webhooks", "select * from list_webhooks($1, $2, $3)", 3,
                                        .class = DB_READ};
    char most[16];
    const char *params[] = {owner, cursor, most};
    snprintf(most, sizeof most, "%u", limit);
    db_query_page(pool, &stmt, params, ERR_INTERNAL, "No list", cb, arg);
}

void db_webhook_deliveries(struct db_pool *pool, const char *id, const char *owner, const char *state,
                           const char *cursor, unsigned limit, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "list_deliveries", "select * from list_deliveries($1, $2, $3, $4, $5)", 5, .class = DB_READ};
    char most[16];
    const char *params[] = {id, owner, state, cursor, most};
    snprintf(most, sizeof most, "%u", limit);
    db_query_page(pool, &stmt, params, ERR_NOT_FOUND, "There is no such webhook", cb, arg);
}

void db_webhook_replay(struct db_pool *pool, const char *id, const char *owner, const char *event,
                       const struct db_actor *actor, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"replay_deliveries",
                                        "select * from replay_deliveries($1, $2, $3, $4)", 4};
    act(pool, &stmt, id, owner, &event, actor, cb, arg);
}
