/* The life of one query: creation, result, callback. */
#include "controller/db/db_query.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <stdlib.h>

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
