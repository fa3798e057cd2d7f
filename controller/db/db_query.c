#include "controller/db/db_query.h"

#include "common/io/log.h"
#include "common/base/mem.h"
#include "controller/db/db_text.h"

#include <stdlib.h>
#include <string.h>

struct db_query *db_query_new(const struct db_stmt *stmt, const char *const *params, db_result_cb *cb,
                              void *arg)
{
    struct db_query *query = mem_zalloc(sizeof *query);
    if (stmt->params > DB_PARAMS_MAX)
        abort();
    query->stmt = stmt;
    query->cb = cb;
    query->arg = arg;
    for (int i = 0; i < stmt->params; i++)
        query->params[i] = mem_strdup(params[i]);
    return query;
}

static void query_free(struct db_query *query)
{
    for (int i = 0; i < query->stmt->params; i++)
        free(query->params[i]);
    PQclear(query->result);
    free(query);
}

void db_query_finish(struct db_query *query, int code, const struct err *e)
{
    if (!query->told)
        query->cb(query->arg, code, e, code ? NULL : query->result);
    query_free(query);
}

void db_query_tell(struct db_query *query, int code, const struct err *e)
{
    query->told = true;
    query->cb(query->arg, code, e, NULL);
}

void db_query_again(struct db_query *query)
{
    PQclear(query->result);
    query->result = NULL;
    query->prepares = query->prepared = false;
    query->tries++;
}

const struct db_sqlstate *db_result_state(const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return NULL;
    if (!state)
        state = status == PGRES_PIPELINE_ABORTED ? "57" : "";
    return db_sqlstate_find(state);
}

int db_result_code(const PGresult *r, struct err *e)
{
    const struct db_sqlstate *row = db_result_state(r);
    if (!row)
        return 0;
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    log_warn("database", "sqlstate=%s %s", state ? state : "none", PQresultErrorMessage(r));
    return err_set(e, row->code, "%s", row->sentence);
}

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

/* What stands between a statement of one text (or one act) and its caller's callback. */
struct answer {
    db_json_cb *cb;
    void *arg;
    int missing;
    const char *sentence;
};

static struct answer *answer_new(db_json_cb *cb, void *arg, int missing, const char *sentence)
{
    struct answer *a = mem_zalloc(sizeof *a);
    *a = (struct answer){cb, arg, missing, sentence};
    return a;
}

static void answer(struct answer *a, int code, const struct err *e, const char *json)
{
    if (a->cb)
        a->cb(a->arg, code, e, json);
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
    answer(arg, code, code || notice ? e : NULL, code ? NULL : value_of(r, 2));
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
    answer(a, code, e, json);
}

void db_query_act(struct db_pool *pool, const struct db_stmt *stmt, const char *const *params, db_json_cb *cb,
                  void *arg)
{
    db_query(pool, stmt, params, on_act, answer_new(cb, arg, 0, stmt->name));
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
    struct db_text text = {0};
    db_text_add(&text, "{");
    db_text_str(&text, "user_id", actor->user_id);
    db_text_str(&text, "key_id", actor->key_id);
    db_text_str(&text, "address", actor->address);
    db_text_str(&text, "request_id", actor->request_id);
    db_text_str(&text, "if_match", actor->if_match);
    if (actor->idempotency_key) {
        db_text_str(&text, "idempotency_key", actor->idempotency_key);
        db_text_str(&text, "route", actor->route);
        db_text_hex(&text, "body_sha256", actor->body_sha256, sizeof actor->body_sha256);
    }
    db_text_add(&text, "}");
    return text.data;
}
