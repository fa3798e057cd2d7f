#include "controller/db/db_migrate.h"

#include "controller/db/db_sql.h"
#include "controller/db/db_sync.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The lock (any number of ours) is the session's: it goes with the connection, whatever happens. */
static const char lock_and_prepare[] =
    "select pg_advisory_lock(20011, 0);"
    "create table if not exists schema_migrations (number integer primary key, name text not null,"
    " sha256 text not null, applied_at timestamptz not null default now())";

static const char applied_rows[] =
    "select number, name, sha256,"
    " to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
    " from schema_migrations order by number";

static bool table_missing(PGconn *conn)
{
    PGresult *r = PQexec(conn, "select from pg_class where oid = to_regclass('schema_migrations')");
    bool missing = PQntuples(r) == 0;
    PQclear(r);
    return missing;
}

static const char *state_of(const PGresult *applied, int row)
{
    int number = atoi(PQgetvalue(applied, row, 0));
    for (size_t i = 0; i < db_sql_count; i++) {
        if (db_sql[i].number == number)
            return strcmp(PQgetvalue(applied, row, 2), db_sql[i].sha256) == 0 ? "applied" : "edited";
    }
    return "unknown";
}

/* The row of a number; -1 where it is not applied. */
static int row_of(const PGresult *applied, int number)
{
    for (int row = 0; row < PQntuples(applied); row++) {
        if (atoi(PQgetvalue(applied, row, 0)) == number)
            return row;
    }
    return -1;
}

static int check(const PGresult *applied, struct err *e)
{
    for (int row = 0; row < PQntuples(applied); row++) {
        const char *state = state_of(applied, row);
        const char *number = PQgetvalue(applied, row, 0), *name = PQgetvalue(applied, row, 1);
        if (strcmp(state, "unknown") == 0)
            return err_set(
                e, ERR_CONFLICT,
                "The database has migration %s (%s), which this program does not know: it is older "
                "than the database. Start the newer program",
                number, name);
        if (strcmp(state, "edited") == 0)
            return err_set(e, ERR_CONFLICT,
                           "Migration %s (%s) was edited after it was applied: its checksum differs. Restore "
                           "the file and put the change into a new one",
                           number, name);
    }
    return 0;
}

/* One transaction for the script and the row that records it. */
static int apply(PGconn *conn, const struct db_sql *sql, struct err *e)
{
    char number[16];
    const char *params[] = {number, sql->name, sql->sha256};
    struct err why;
    snprintf(number, sizeof number, "%d", sql->number);
    int code = db_sync_run(conn, "begin", 0, NULL, NULL, e);
    if (code)
        return code;
    code = db_sync_run(conn, sql->text, 0, NULL, NULL, &why);
    if (code)
        return err_set(e, code, "Migration %d (%s) failed: %s", sql->number, sql->name, why.text);
    code = db_sync_run(conn, "insert into schema_migrations (number, name, sha256) values ($1, $2, $3)", 3,
                       params, NULL, e);
    return code ? code : db_sync_run(conn, "commit", 0, NULL, NULL, e);
}

static int migrate_on(PGconn *conn, int *applied, struct err *e)
{
    PGresult *rows = NULL;
    int code = db_sync_run(conn, lock_and_prepare, 0, NULL, NULL, e);
    if (!code)
        code = db_sync_run(conn, applied_rows, 0, NULL, &rows, e);
    if (!code)
        code = check(rows, e);
    for (size_t i = 0; !code && i < db_sql_count; i++) {
        if (row_of(rows, db_sql[i].number) >= 0)
            continue;
        code = apply(conn, &db_sql[i], e);
        *applied += code ? 0 : 1;
    }
    PQclear(rows);
    return code;
}

int db_migrate(const char *url, int *applied, struct err *e)
{
    PGconn *conn;
    int count = 0;
    int code = db_sync_open(url, &conn, e);
    if (code)
        return code;
    code = migrate_on(conn, &count, e);
    PQfinish(conn);
    if (applied)
        *applied = count;
    return code;
}

static void report(const PGresult *rows, db_migration_cb *cb, void *arg)
{
    for (size_t i = 0; i < db_sql_count; i++) {
        int row = rows ? row_of(rows, db_sql[i].number) : -1;
        struct db_migration m = {db_sql[i].number, db_sql[i].name, row < 0 ? "pending" : state_of(rows, row),
                                 row < 0 ? "" : PQgetvalue(rows, row, 3)};
        cb(arg, &m);
    }
    for (int row = 0; rows && row < PQntuples(rows); row++) {
        struct db_migration m = {atoi(PQgetvalue(rows, row, 0)), PQgetvalue(rows, row, 1),
                                 state_of(rows, row), PQgetvalue(rows, row, 3)};
        if (strcmp(m.state, "unknown") == 0)
            cb(arg, &m);
    }
}

int db_migrate_status(const char *url, db_migration_cb *cb, void *arg, struct err *e)
{
    PGconn *conn;
    PGresult *rows = NULL;
    int code = db_sync_open(url, &conn, e);
    if (code)
        return code;
    if (!table_missing(conn))
        code = db_sync_run(conn, applied_rows, 0, NULL, &rows, e);
    if (!code)
        report(rows, cb, arg);
    PQclear(rows);
    PQfinish(conn);
    return code;
}

int db_schema_version(void)
{
    return db_sql[db_sql_count - 1].number;
}
