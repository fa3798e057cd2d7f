#include "controller/db/db_idempotency.h"

#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct finding {
    db_admit_cb *cb;
    void *arg;
};

/* Columns of the type idempotency_answer. */
enum { OUTCOME, STATUS, BODY, SANDBOX };

static void on_found(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct finding f;
    struct db_admit_result result = {.outcome = DB_ADMIT_MISMATCH};
    const char *outcome = code ? NULL : db_cell(r, 0, OUTCOME);
    mem_take(&f, arg, sizeof f);
    if (outcome && !strcmp(outcome, "replay"))
        result = (struct db_admit_result){.outcome = DB_ADMIT_REPLAY,
                                          .status = (int)db_cell_num(r, 0, STATUS),
                                          .json = db_cell(r, 0, BODY),
                                          .id = db_cell(r, 0, SANDBOX)};
    f.cb(f.arg, code, e, outcome ? &result : NULL);
}

void db_idempotency_find(struct db_pool *pool, const char *key_id, const char *idempotency_key,
                         const uint8_t body_sha256[32], db_admit_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "idempotency_find", "select * from idempotency_find($1, 'POST /sandbox', $2, decode($3, 'hex'))", 3,
        .class = DB_READ};
    struct finding f = {cb, arg};
    char hex[65];
    const char *params[] = {key_id, idempotency_key, hex};
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", body_sha256[i]);
    db_query(pool, &stmt, params, on_found, mem_dup(&f, sizeof f));
}

void db_idempotency_answer(struct db_pool *pool, const char *sandbox_id, int status, const char *body)
{
    static const struct db_stmt stmt = {"keep_answer", "select keep_answer($1, $2, $3)", 3};
    char number[16];
    const char *params[] = {sandbox_id, number, body};
    snprintf(number, sizeof number, "%d", status);
    db_query_forget(pool, &stmt, params);
}

void db_idempotency_forget(struct db_pool *pool, const char *sandbox_id)
{
    static const struct db_stmt stmt = {"forget_answer", "select forget_answer($1)", 1};
    const char *params[] = {sandbox_id};
    db_query_forget(pool, &stmt, params);
}
