#include "controller/db/db_sync.h"

#include "controller/db/db_session.h"

#include <stdio.h>
#include <string.h>

#define IDLE_MS 60000u /* work in one session has no pauses */

/* Sets the error to the first line of libpq's message. */
static int fail(PGconn *conn, int code, struct err *e)
{
    const char *text = PQerrorMessage(conn);
    return err_set(e, code, "%.*s", (int)strcspn(text, "\n"), text);
}

static void drop_notice(void *arg, const char *message)
{
}

/* Takes *conn, also where it fails. */
static int opened(PGconn **conn, struct err *e)
{
    if (PQstatus(*conn) != CONNECTION_OK) {
        int code = fail(*conn, ERR_DATABASE_UNAVAILABLE, e);
        PQfinish(*conn);
        *conn = NULL;
        return code;
    }
    PQsetNoticeProcessor(*conn, drop_notice, NULL);
    return 0;
}

int db_sync_open(const char *url, PGconn **conn, struct err *e)
{
    *conn = PQconnectdb(url);
    int code = opened(conn, e);
    if (code)
        return code;
    code = db_sync_run(*conn, "set search_path = " DB_SEARCH_PATH, 0, NULL, NULL, e);
    if (code) {
        PQfinish(*conn);
        *conn = NULL;
    }
    return code;
}

int db_sync_open_timed(const char *url, unsigned timeout_ms, PGconn **conn, struct err *e)
{
    static const char *const keys[] = {"dbname",
                                       "fallback_application_name",
                                       "connect_timeout",
                                       "keepalives_idle",
                                       "keepalives_interval",
                                       "keepalives_count",
                                       "tcp_user_timeout",
                                       "options",
                                       NULL};
    char options[DB_SESSION_OPTIONS_MAX];
    snprintf(options, sizeof options, DB_SESSION_OPTIONS, timeout_ms, IDLE_MS);
    const char *const values[] = {url, "corral", "5", "5", "2", "3", "10000", options, NULL};
    *conn = PQconnectdbParams(keys, values, 1);
    return opened(conn, e);
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
