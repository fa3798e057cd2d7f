/*
 * One request on its way: a prepared statement, its parameters, and who is told. What the typed functions of
 * this folder are made of, and private to it.
 */
#ifndef CORRAL_CONTROLLER_DB_QUERY_H
#define CORRAL_CONTROLLER_DB_QUERY_H

#include "controller/db/db_pool.h"
#include "controller/db/db_sqlstate.h"

#include <postgresql/libpq-fe.h>
#include <sys/queue.h>

#define DB_PARAMS_MAX 16

/* A statement of the program: static, and its name is its identity on a connection. */
struct db_stmt {
    const char *name;
    const char *sql;
    int params;
};

/* r is NULL where code is not 0. Borrowed for the call. */
typedef void db_result_cb(void *arg, int code, const struct err *e, const PGresult *r);

struct db_query {
    STAILQ_ENTRY(db_query) link;
    const struct db_stmt *stmt;
    char *params[DB_PARAMS_MAX];
    db_result_cb *cb;
    void *arg;
    uint64_t since_ms; /* as loop_awake_ms counts: when it began to wait, then when it was sent */
    bool prepares;     /* the statement goes before it on this connection */
    bool prepared;     /* and that went well */
    unsigned tries;    /* that failed for certain */
    PGresult *result;
    bool told;        /* its caller was, while it is still on its way */
    struct err error; /* of a query that failed before it had a result */
};
STAILQ_HEAD(db_query_list, db_query);

/* Copies the parameters (NULL stands for SQL's null). */
struct db_query *db_query_new(const struct db_stmt *stmt, const char *const *params, db_result_cb *cb,
                              void *arg);

/* Tells the callback, with the result or (code not 0) without, and frees. */
void db_query_finish(struct db_query *query, int code, const struct err *e);

/* Tells the callback without a result; the query stays until it is finished, which then tells nobody. */
void db_query_tell(struct db_query *query, int code, const struct err *e);

/* As it was before it was sent: another connection may take it. */
void db_query_again(struct db_query *query);

/* The row of the error that a result is; NULL where it is none. */
const struct db_sqlstate *db_result_state(const PGresult *r);

/* What a result says: 0, or the code of its error, with a sentence that shows no SQL; the real one is logged.
 */
int db_result_code(const PGresult *r, struct err *e);

/* The code with this public name; ERR_INTERNAL for a name that is none; 0 for "ok". */
int db_code_of(const char *outcome);

/* Sends it when a connection has room. Parameters are copied. */
void db_query(struct db_pool *pool, const struct db_stmt *stmt, const char *const *params, db_result_cb *cb,
              void *arg);

/* For a statement that answers (outcome, detail, body, repeated). The detail of 'ok', if any, is handed over
 * as e. */
void db_query_act(struct db_pool *pool, const struct db_stmt *stmt, const char *const *params, db_json_cb *cb,
                  void *arg);

/* As db_query_act; repeated: the body is that of an earlier request with the same Idempotency-Key. */
typedef void db_create_cb(void *arg, int code, const struct err *e, const char *json, bool repeated);
void db_query_create(struct db_pool *pool, const struct db_stmt *stmt, const char *const *params,
                     db_create_cb *cb, void *arg);

/* For a statement that answers one text; no row or a null is the error code missing, with its sentence. */
void db_query_json(struct db_pool *pool, const struct db_stmt *stmt, const char *const *params, int missing,
                   const char *sentence, db_json_cb *cb, void *arg);

/* As db_query_json, with the next page's cursor in a second column, if there is one. */
void db_query_page(struct db_pool *pool, const struct db_stmt *stmt, const char *const *params, int missing,
                   const char *sentence, db_page_cb *cb, void *arg);

/* Fire and forget: a failure is logged by its statement's name. */
void db_query_forget(struct db_pool *pool, const struct db_stmt *stmt, const char *const *params);

/* The actor as JSON, for the audit; free() it. */
char *db_actor_json(const struct db_actor *actor);

#endif
