#include "controller/db/db_audit.h"

#include "controller/db/db_sync.h"

#include <stdlib.h>

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
