#include "controller/db/db_audit.h"

#include "controller/db/db_sync.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int db_audit_verify(const char *url, uint64_t *checked, uint64_t *seq, struct err *e)
{
    PGconn *conn;
    PGresult *r = NULL;
    int code = db_sync_open(url, &conn, e);
    if (code)
        return code;
    code = db_sync_run(conn, "select seq, problem, checked from audit_verify()", 0, NULL, &r, e);
    if (!code) {
        *checked = strtoull(PQgetvalue(r, 0, 2), NULL, 10);
        *seq = strtoull(PQgetvalue(r, 0, 0), NULL, 10);
        if (!PQgetisnull(r, 0, 1))
            code = err_set(e, ERR_CONFLICT, "The audit chain is broken at row %s: %s", PQgetvalue(r, 0, 0),
                           PQgetvalue(r, 0, 1));
    }
    PQclear(r);
    PQfinish(conn);
    return code;
}

#define EXPORT_PAGE "1000"

/* Prints one page of the rows after *seq, and moves *seq on. Returns the number of rows, or an error. */
static int export_page(PGconn *conn, char seq[static 24], FILE *out, struct err *e)
{
    const char *params[] = {seq};
    PGresult *r = NULL;
    int code =
        db_sync_run(conn,
                    "select a.seq, audit_json(a)::text from audit a where a.seq > $1::bigint order by a.seq "
                    "limit " EXPORT_PAGE,
                    1, params, &r, e);
    if (code)
        return code;
    int rows = PQntuples(r);
    for (int i = 0; i < rows; i++) {
        for (const char *c = PQgetvalue(r, i, 1); *c; c++) {
            if (*c != '\n')
                fputc(*c, out);
        }
        fputc('\n', out);
    }
    if (rows)
        snprintf(seq, 24, "%s", PQgetvalue(r, rows - 1, 0));
    PQclear(r);
    return rows;
}

int db_audit_export(const char *url, FILE *out, struct err *e)
{
    PGconn *conn;
    char seq[24] = "0";
    int code = db_sync_open(url, &conn, e);
    if (code)
        return code;
    do
        code = export_page(conn, seq, out, e);
    while (code > 0);
    PQfinish(conn);
    if (!code && fflush(out))
        code = err_set(e, ERR_IO, "the rows cannot be written: %s", strerror(errno));
    return code;
}

#define PRUNE_BATCH "10000"

/* Removes one batch of the rows before `before` and adds to *removed. Returns 1 where there may be more. */
static int prune_batch(PGconn *conn, const char *before, uint64_t *removed, struct err *e)
{
    const char *params[] = {before};
    PGresult *r = NULL;
    int code =
        db_sync_run(conn,
                    "select n, n = " PRUNE_BATCH
                    " from audit_expire($1::timestamptz, '{\"address\": \"local\"}', " PRUNE_BATCH ") n",
                    1, params, &r, e);
    if (code)
        return code;
    *removed += strtoull(PQgetvalue(r, 0, 0), NULL, 10);
    code = PQgetvalue(r, 0, 1)[0] == 't';
    PQclear(r);
    return code;
}

int db_audit_prune(const char *url, uint64_t days, uint64_t *removed, struct err *e)
{
    PGconn *conn;
    PGresult *r = NULL;
    char text[24];
    const char *params[] = {text};
    snprintf(text, sizeof text, "%" PRIu64, days);
    int code = db_sync_open(url, &conn, e);
    if (code)
        return code;
    code = db_sync_run(conn, "select now() - $1::integer * interval '1 day'", 1, params, &r, e);
    if (!code) {
        *removed = 0;
        do
            code = prune_batch(conn, PQgetvalue(r, 0, 0), removed, e);
        while (code > 0);
    }
    PQclear(r);
    PQfinish(conn);
    return code;
}
