#include "controller/db/db_query.h"

#include "common/io/log.h"
#include "common/base/mem.h"
#include "common/base/json_text.h"

#include <stdlib.h>
#include <string.h>

int db_code_of(const char *outcome)
{
    if (strcmp(outcome, "ok") == 0)
        return 0;
    for (int i = 1; i < ERR_INDEX_COUNT; i++) {
        if (strcmp(err_name(-i), outcome) == 0)
            return -i;
    }
    return ERR_INTERNAL;
}

/* Carries the caller's callback of a statement that answers one text or one act; one of three kinds. */
struct answer {
    db_json_cb *cb;
    db_page_cb *page_cb;
    db_create_cb *create_cb;
    void *arg;
    int missing;
    const char *sentence;
};

static struct answer *answer_new(db_json_cb *cb, void *arg, int missing, const char *sentence)
{
    struct answer *a = mem_zalloc(sizeof *a);
    *a = (struct answer){.cb = cb, .arg = arg, .missing = missing, .sentence = sentence};
    return a;
}

/* more: the second column. */
static void answer(struct answer *a, int code, const struct err *e, const char *json, const char *more)
{
    if (a->cb)
        a->cb(a->arg, code, e, json);
    else if (a->page_cb)
        a->page_cb(a->arg, code, e, json, more);
    else if (a->create_cb)
        a->create_cb(a->arg, code, e, json, more && more[0] == 't');
    else if (code)
        log_warn("database", "%s: %s", a->sentence, e->text);
    free(a);
}

static const char *value_of(const PGresult *r, int column)
{
    return PQntuples(r) == 0 || PQnfields(r) <= column || PQgetisnull(r, 0, column)
               ? NULL
               : PQgetvalue(r, 0, column);
}

static void on_act(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct err said;
    bool notice = false;
    if (!code) {
        const char *outcome = value_of(r, 0), *detail = value_of(r, 1);
        code = db_code_of(outcome ? outcome : "internal");
        (void)err_set(&said, code, "%s", detail ? detail : code ? "The database gave no answer" : "");
        notice = !code && said.text[0];
        e = &said;
    }
    answer(arg, code, code || notice ? e : NULL, code ? NULL : value_of(r, 2), code ? NULL : value_of(r, 3));
}

static void on_json(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct answer *a = arg;
    struct err none;
    const char *json = code ? NULL : value_of(r, 0);
    if (!code && !json && a->missing) {
        code = err_set(&none, a->missing, "%s", a->sentence);
        e = &none;
    }
    answer(a, code, e, json, code ? NULL : value_of(r, 1));
}

void db_query_act(struct db_pool *pool, const struct db_stmt *stmt, const char *const *params, db_json_cb *cb,
                  void *arg)
{
    db_query(pool, stmt, params, on_act, answer_new(cb, arg, 0, stmt->name));
}

void db_query_create(struct db_pool *pool, const struct db_stmt *stmt, const char *const *params,
                     db_create_cb *cb, void *arg)
{
    struct answer *a = answer_new(NULL, arg, 0, stmt->name);
    a->create_cb = cb;
    db_query(pool, stmt, params, on_act, a);
}

void db_query_page(struct db_pool *pool, const struct db_stmt *stmt, const char *const *params, int missing,
                   const char *sentence, db_page_cb *cb, void *arg)
{
    struct answer *a = answer_new(NULL, arg, missing, sentence);
    a->page_cb = cb;
    db_query(pool, stmt, params, on_json, a);
}

void db_query_json(struct db_pool *pool, const struct db_stmt *stmt, const char *const *params, int missing,
                   const char *sentence, db_json_cb *cb, void *arg)
{
    db_query(pool, stmt, params, on_json, answer_new(cb, arg, missing, sentence));
}

void db_query_forget(struct db_pool *pool, const struct db_stmt *stmt, const char *const *params)
{
    db_query(pool, stmt, params, on_json, answer_new(NULL, NULL, 0, stmt->name));
}

char *db_actor_json(const struct db_actor *actor)
{
    struct json_text text = {0};
    json_text_object(&text, NULL);
    json_text_str(&text, "user_id", actor->user_id);
    json_text_str(&text, "key_id", actor->key_id);
    json_text_str(&text, "address", actor->address);
    json_text_str(&text, "request_id", actor->request_id);
    json_text_str(&text, "if_match", actor->if_match);
    if (actor->idempotency_key) {
        json_text_str(&text, "idempotency_key", actor->idempotency_key);
        json_text_str(&text, "route", actor->route);
        json_text_hex(&text, "body_sha256", actor->body_sha256, sizeof actor->body_sha256);
    }
    json_text_end(&text);
    return text.text.data;
}
