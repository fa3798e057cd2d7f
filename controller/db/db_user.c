#include "controller/db/db_user.h"

#include "common/io/api_key.h"
#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "common/base/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs an act with these words, an optional body, and the actor as the last parameter. */
static void act(struct db_pool *pool, const struct db_stmt *stmt, const char *const *words,
                const struct db_actor *actor, db_json_cb *cb, void *arg)
{
    char *who = db_actor_json(actor);
    const char *params[4] = {NULL};
    int last = stmt->params - 1;
    for (int i = 0; i < last; i++)
        params[i] = words[i];
    params[last] = who;
    db_query_act(pool, stmt, params, cb, arg);
    free(who);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__})

void db_user_create(struct db_pool *pool, const char *id, const char *body, const struct db_actor *actor,
                    db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "create_user", "select * from create_user($2::jsonb || jsonb_build_object('id', $1::text), $3)", 3};
    act(pool, &stmt, WORDS(id, body), actor, cb, arg);
}

void db_user_patch(struct db_pool *pool, const char *id, const char *body, const struct db_actor *actor,
                   db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"patch_user", "select * from patch_user($1, $2, $3)", 3};
    act(pool, &stmt, WORDS(id, body), actor, cb, arg);
}

void db_user_delete(struct db_pool *pool, const char *id, const struct db_actor *actor, db_json_cb *cb,
                    void *arg)
{
    static const struct db_stmt stmt = {
        "delete_user", "select * from act_audited($2, 'user.delete', $1, null, remove_user($1, $2))", 2};
    act(pool, &stmt, WORDS(id), actor, cb, arg);
}

void db_user_get(struct db_pool *pool, const char *id, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "get_user", "select user_json(u)::text from users u where id = $1 and deleted_at is null", 1,
        .class = DB_READ};
    const char *params[] = {id};
    db_query_json(pool, &stmt, params, ERR_NOT_FOUND, "There is no such user", cb, arg);
}

void db_user_list(struct db_pool *pool, const char *cursor, unsigned limit, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"list_users", "select * from list_users($1, $2)", 2,
                                        .class = DB_READ};
    char most[16];
    const char *params[] = {cursor, most};
    snprintf(most, sizeof most, "%u", limit);
    db_query_page(pool, &stmt, params, ERR_INTERNAL, "No list", cb, arg);
}

/* A key being created: its secret is put into the answer, and is stored nowhere. */
struct making {
    db_key_made_cb *cb;
    void *arg;
    struct api_key key;
};

/* The database's object, with the secret before its own members. */
static void add_secret(struct json_text *text, const char *secret, const char *json)
{
    json_text_object(text, NULL);
    json_text_str(text, "key", secret);
    json_text_members(text, json);
    json_text_end(text);
}

static void on_key_made(void *arg, int code, const struct err *e, const char *json, bool repeated)
{
    struct making *m = arg;
    struct json_text text = {0};
    char prefix[API_KEY_PREFIX_LEN + 1] = "";
    bool made = !code && !repeated; /* else the key is that of the earlier request, whose secret is unknown */
    if (made && api_key_prefix(m->key.text, prefix))
        add_secret(&text, m->key.text, json);
    m->cb(m->arg, code, e, made ? text.text.data : json, made ? prefix : NULL);
    json_text_fini(&text);
    explicit_bzero(m, sizeof *m);
    free(m);
}

static void create_key(struct db_pool *pool, const struct db_stmt *stmt, const char *user_id, const char *id,
                       const char *body, const struct db_actor *actor, db_key_made_cb *cb, void *arg)
{
    struct making *m = mem_zalloc(sizeof *m);
    struct json_text text = {0};
    char prefix[API_KEY_PREFIX_LEN + 1];
    uint8_t hash[32];
    *m = (struct making){cb, arg, api_key_make()};
    if (!api_key_prefix(m->key.text, prefix))
        abort();
    api_key_sha256(m->key.text, hash);
    json_text_object(&text, NULL);
    json_text_str(&text, "id", id);
    json_text_str(&text, "user_id", user_id);
    json_text_str(&text, "prefix", prefix);
    json_text_str(&text, "last_four", m->key.text + API_KEY_LEN - 4);
    json_text_hex(&text, "sha256", hash, sizeof hash);
    json_text_end(&text);
    char *who = db_actor_json(actor);
    db_query_create(pool, stmt, WORDS(body, text.text.data, who), on_key_made, m);
    json_text_fini(&text);
    free(who);
}

void db_key_create(struct db_pool *pool, const char *user_id, const char *id, const char *body,
                   const struct db_actor *actor, db_key_made_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"create_key", "select * from create_key($1::jsonb || $2::jsonb, $3)",
                                        3};
    create_key(pool, &stmt, user_id, id, body, actor, cb, arg);
}

void db_own_key_create(struct db_pool *pool, const char *id, const char *body, const struct db_actor *actor,
                       db_key_made_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"create_own_key",
                                        "select * from create_own_key($1::jsonb || $2::jsonb, $3)", 3};
    create_key(pool, &stmt, actor->user_id, id, body, actor, cb, arg);
}

void db_own_key_revoke(struct db_pool *pool, const char *id, const struct db_actor *actor, db_json_cb *cb,
                       void *arg)
{
    static const struct db_stmt stmt = {
        "revoke_own_key", "select * from act_audited($2, 'key.revoke', $1, null, revoke_own_key($1, $2))", 2};
    act(pool, &stmt, WORDS(id), actor, cb, arg);
}

void db_key_patch(struct db_pool *pool, const char *user_id, const char *id, const char *body,
                  const struct db_actor *actor, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"patch_key", "select * from patch_key($1, $2, $3, $4)", 4};
    act(pool, &stmt, WORDS(user_id, id, body), actor, cb, arg);
}

void db_key_get(struct db_pool *pool, const char *user_id, const char *id, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "get_key", "select key_json(k)::text from api_keys k where user_id = $1 and id = $2", 2,
        .class = DB_READ};
    db_query_json(pool, &stmt, WORDS(user_id, id), ERR_NOT_FOUND, "There is no such key", cb, arg);
}

void db_key_revoke(struct db_pool *pool, const char *user_id, const char *id, const struct db_actor *actor,
                   db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "revoke_key", "select * from act_audited($3, 'key.revoke', $2, null, revoke_key($1, $2, $3))", 3};
    act(pool, &stmt, WORDS(user_id, id), actor, cb, arg);
}

void db_key_list(struct db_pool *pool, const char *user_id, const char *cursor, unsigned limit,
                 db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"list_keys", "select * from list_keys($1, $2, $3)", 3,
                                        .class = DB_READ};
    char most[16];
    const char *params[] = {user_id, cursor, most};
    snprintf(most, sizeof most, "%u", limit);
    db_query_page(pool, &stmt, params, ERR_NOT_FOUND, "There is no such user", cb, arg);
}

void db_keys_used(struct db_pool *pool, const char *const *key_ids, size_t count)
{
    static const struct db_stmt stmt = {"keys_used", "select keys_used($1)", 1};
    struct json_text text = {0};
    json_text_array(&text, NULL);
    for (size_t i = 0; i < count; i++) {
        json_text_str(&text, NULL, key_ids[i]);
    }
    json_text_end(&text);
    const char *params[] = {text.text.data};
    db_query_forget(pool, &stmt, params);
    json_text_fini(&text);
}

void db_tier_create(struct db_pool *pool, const char *body, const struct db_actor *actor, db_json_cb *cb,
                    void *arg)
{
    static const struct db_stmt stmt = {"create_tier", "select * from create_tier($1, $2)", 2};
    act(pool, &stmt, WORDS(body), actor, cb, arg);
}

void db_tier_patch(struct db_pool *pool, const char *name, const char *body, const struct db_actor *actor,
                   db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"patch_tier", "select * from patch_tier($1, $2, $3)", 3};
    act(pool, &stmt, WORDS(name, body), actor, cb, arg);
}

void db_tier_delete(struct db_pool *pool, const char *name, const struct db_actor *actor, db_json_cb *cb,
                    void *arg)
{
    static const struct db_stmt stmt = {
        "delete_tier", "select * from act_audited($2, 'tier.delete', $1, null, delete_tier($1, $2))", 2};
    act(pool, &stmt, WORDS(name), actor, cb, arg);
}

void db_tier_get(struct db_pool *pool, const char *name, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"get_tier", "select tier_json(t)::text from tiers t where name = $1",
                                        1, .class = DB_READ};
    const char *params[] = {name};
    db_query_json(pool, &stmt, params, ERR_NOT_FOUND, "There is no such tier", cb, arg);
}

void db_tier_list(struct db_pool *pool, const char *cursor, unsigned limit, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"list_tiers", "select * from list_tiers($1, $2)", 2,
                                        .class = DB_READ};
    char most[16];
    snprintf(most, sizeof most, "%u", limit);
    db_query_page(pool, &stmt, WORDS(cursor, most), ERR_INTERNAL, "No list", cb, arg);
}
