#include "controller/db/db_sync.h"

#include <string.h>

/* libpq's messages end in a line end, and may have several lines: the first says it. */
static int fail(PGconn *conn, int code, struct err *e)
{
    const char *text = PQerrorMessage(conn);
    return err_set(e, code, "%.*s", (int)strcspn(text, "\n"), text);
}

static void drop_notice(void *arg, const char *message)
{
}

int db_sync_open(const char *url, PGconn **conn, struct err *e)
{
    *conn = PQconnectdb(url);
    if (PQstatus(*conn) != CONNECTION_OK) {
        int code = fail(*conn, ERR_DATABASE_UNAVAILABLE, e);
        PQfinish(*conn);
        *conn = NULL;
        return code;
    }
    PQsetNoticeProcessor(*conn, drop_notice, NULL);
    return 0;
}

int db_sync_run(PGconn *conn, const char *sql, int count, const char *const *params, PGresult **result,
                struct err *e)
{
    PGresult *r = count ? PQexecParams(conn, sql, count, NULL, params, NULL, NULL, 0) : PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        PQclear(r);
        return fail(conn, PQstatus(conn) == CONNECTION_OK ? ERR_INTERNAL : ERR_DATABASE_UNAVAILABLE, e);
    }
    if (result)
        *result = r;
    else
        PQclear(r);
    return 0;
}
