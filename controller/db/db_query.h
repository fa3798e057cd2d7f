/*
 * One request under way: a prepared statement, its parameters, and its callback. Used by the typed functions
 * of this folder, and private to it.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_QUERY_H
#define CORRAL_CONTROLLER_DB_DB_QUERY_H

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
    enum db_class class;
};

/* r is NULL where code is not 0. Borrowed for the call. */
typedef void db_result_cb(void *arg, int code, const struct err *e, const PGresult *r);

struct db_query {
    STAILQ_ENTRY(db_query) link;
    const struct db_stmt *stmt;
    char *params[DB_PARAMS_MAX];
    db_result_cb *cb;
    void *arg;
    uint64_t since_ms; /* by loop_awake_ms: when it began to wait, then when it was sent */
    bool prepares;     /* the statement is prepared just before it on this connection */
    bool prepared;     /* and that succeeded */
    unsigned tries;    /* tries that certainly failed */
    PGresult *result;
    bool told;        /* the callback was called, but the query is still under way */
    struct err error; /* of a query that failed before it had a result */
};
STAILQ_HEAD(db_query_list, db_query);

/* Copies the parameters (NULL stands for SQL's null). */
struct db_query *db_query_new(const struct db_stmt *stmt, const char *const *params, db_result_cb *cb,
                              void *arg);

/* Calls the callback, with the result, or (code not 0) without, and frees the query. */
void db_query_finish(struct db_query *query, int code, const struct err *e);

/* Calls the callback without a result; the query stays until db_query_finish, which then calls nothing. */
void db_query_tell(struct db_query *query, int code, const struct err *e);

/* Resets the query to unsent, so that another connection can take it. */
void db_query_again(struct db_query *query);

/* The table row for an error result; NULL where r is no error. */
const struct db_sqlstate *db_result_state(const PGresult *r);

/* 0, or the code of the result's error, with a sentence that shows no SQL; the original message is logged. */
int db_result_code(const PGresult *r, struct err *e);

/* The error code with this public name; ERR_INTERNAL for an unknown name; 0 for "ok". */
int db_code_of(const char *outcome);

/* Sends the statement when a connection has room. Parameters are copied. */
void db_query(struct db_pool *pool, const struct db_stmt *stmt, const char *const *params, db_result_cb *cb,
              void *arg);

/*
 * For a statement that answers (outcome, detail, body, repeated). The detail of 'ok', if any, is passed as e.
 */
void db_query_act(struct db_pool *pool, const struct db_stmt *stmt, const char *const *params, db_json_cb *cb,
                  void *arg);

/* As db_query_act; repeated: the body is that of an earlier request with the same Idempotency-Key. */
typedef void db_create_cb(void *arg, int code, const struct err *e, const char *json, bool repeated);
void db_query_create(struct db_pool *pool, const struct db_stmt *stmt, const char *const *params,
                     db_create_cb *cb, void *arg);

/* For a statement that answers one text. No row, or null, becomes the error `missing` with its sentence. */
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
