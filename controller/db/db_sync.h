/* Synchronous libpq for the verbs that run before the loop does, and for threads beside it. Private to this
 * folder. */
#ifndef CORRAL_CONTROLLER_DB_DB_SYNC_H
#define CORRAL_CONTROLLER_DB_DB_SYNC_H

#include "common/base/err.h"

#include <postgresql/libpq-fe.h>

/* Connects, or returns ERR_DATABASE_UNAVAILABLE with libpq's sentence. *conn is the caller's, for PQfinish.
 */
int db_sync_open(const char *url, PGconn **conn, struct err *e) MUST_CHECK;
/*
 * As db_sync_open, for a thread beside the loop: the server ends a statement after timeout_ms, and a silent
 * server is given up. In UTC.
 */
int db_sync_open_timed(const char *url, unsigned timeout_ms, PGconn **conn, struct err *e) MUST_CHECK;

/*
 * Runs one statement with count text parameters, or (count 0) a script of several. *result (may be NULL) is
 * the caller's, for PQclear. Errors: ERR_DATABASE_UNAVAILABLE, ERR_INTERNAL with the server's sentence.
 */
int db_sync_run(PGconn *conn, const char *sql, int count, const char *const *params, PGresult **result,
                struct err *e) MUST_CHECK;

#endif
