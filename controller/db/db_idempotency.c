#include "controller/db/db_idempotency.h"

#include "controller/db/db_query.h"

#include <stdio.h>

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
