#include "controller/db/db_migrate.h"

#include "controller/db/db_session.h"
#include "controller/db/db_sql.h"
#include "controller/db/db_sync.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS 0 /* the number of the row that records the functions */

/* A run is one transaction, so that nobody sees tables of one version with functions of another. */
static const char begin_and_prepare[] =
    "begin; select pg_advisory_xact_lock(20011, 0);"
    "create table if not exists schema_migrations (number integer primary key, name text not null,"
    " sha256 text not null, applied_at timestamptz not null default now());"
    /* The files run in a fixed order, but functions in them call each other across files. */
    "set local check_function_bodies = off";

static const char applied_rows[] =
    "select number, name, sha256,"
    " to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
    " from schema_migrations order by number";

static const char record_row[] =
    "insert into schema_migrations (number, name, sha256) values ($1, $2, $3)"
    " on conflict (number) do update set sha256 = excluded.sha256, applied_at = excluded.applied_at";

/*
 * Drops all functions and types in the schema of functions; the schema itself stays, with its grants. Without
 * CASCADE: objects that others created there, or that depend on a function, are not ours to drop.
 */
static const char drop_functions[] =
    "do $$ declare all_of_them text; begin"
    "  if to_regnamespace('corral') is null then"
    "    create schema corral; grant usage on schema corral to public;"
    "  end if;"
    "  select string_agg(oid::regprocedure::text, ', ') into all_of_them from pg_proc"
    "    where pronamespace = 'corral'::regnamespace;"
    "  if all_of_them is not null then execute 'drop routine ' || all_of_them; end if;"
    "  select string_agg(reltype::regtype::text, ', ') into all_of_them from pg_class"
    "    where relnamespace = 'corral'::regnamespace and relkind = 'c';"
    "  if all_of_them is not null then execute 'drop type ' || all_of_them; end if;"
    "end $$";

/*
 * For sessions by hand: this program sets its own path. Only the owner of a database may set its default; a
 * default that contains our schema was set on purpose and stays.
 */
static const char set_default_path[] =
    "do $$ begin"
    "  if (select pg_has_role(datdba, 'usage') from pg_database where datname = current_database())"
    "      and not exists (select from pg_db_role_setting r join pg_database d on d.oid = r.setdatabase,"
    "        unnest(r.setconfig) c where d.datname = current_database() and r.setrole = 0"
    "        and c like 'search_path=%corral%') then"
    "    execute format('alter database %I set search_path = " DB_SEARCH_PATH "', current_database());"
    "  end if;"
    "end $$";

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
    if (number == FUNCTIONS)
        return strcmp(PQgetvalue(applied, row, 2), db_sql_functions_sha256) == 0 ? "applied" : "pending";
    for (size_t i = 0; i < db_sql_count; i++) {
        if (db_sql[i].number == number)
            return strcmp(PQgetvalue(applied, row, 2), db_sql[i].sha256) == 0 ? "applied" : "edited";
    }
    return "unknown";
}

/* The result row of this number; -1 where it is not applied. */
static int row_of(const PGresult *applied, int number)
{
    for (int row = 0; row < PQntuples(applied); row++) {
        if (atoi(PQgetvalue(applied, row, 0)) == number)
            return row;
    }
    return -1;
}

/* Until the first release the migrations had other names, and their first was "tenants". */
static bool before_baseline(const PGresult *applied)
{
    int row = row_of(applied, db_sql[0].number);
    return row >= 0 && strcmp(PQgetvalue(applied, row, 1), db_sql[0].name) != 0;
}

static int check(const PGresult *applied, struct err *e)
{
    if (before_baseline(applied))
        return err_set(e, ERR_CONFLICT,
                       "The database was made by a Corral from before its first release, which no later one "
                       "can upgrade. Begin again: drop the database, create it empty, and run "
                       "corral-controller migrate, then corral-controller init");
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

static int record(PGconn *conn, int number, const char *name, const char *sha256, struct err *e)
{
    char text[16];
    const char *params[] = {text, name, sha256};
    snprintf(text, sizeof text, "%d", number);
    return db_sync_run(conn, record_row, 3, params, NULL, e);
}

static int apply(PGconn *conn, const struct db_sql *sql, struct err *e)
{
    struct err why;
    int code = db_sync_run(conn, sql->text, 0, NULL, NULL, &why);
    if (code)
        return err_set(e, code, "Migration %d (%s) failed: %s", sql->number, sql->name, why.text);
    return record(conn, sql->number, sql->name, sql->sha256, e);
}

static int create_functions(PGconn *conn, struct err *e)
{
    struct err why;
    int code = db_sync_run(conn, "set local search_path = corral, public", 0, NULL, NULL, e);
    for (size_t i = 0; !code && i < db_sql_functions_count; i++) {
        code = db_sync_run(conn, db_sql_functions[i].text, 0, NULL, NULL, &why);
        if (code)
            err_set(e, code, "The functions of %s failed: %s", db_sql_functions[i].subject, why.text);
    }
    if (!code)
        code = db_sync_run(conn, "set local search_path = " DB_SEARCH_PATH, 0, NULL, NULL, e);
    return code ? code : record(conn, FUNCTIONS, "functions", db_sql_functions_sha256, e);
}

/* Drops the functions before the migrations run, since migrations may change what functions depend on. */
static int apply_pending(PGconn *conn, const PGresult *rows, int *applied, struct err *e)
{
    struct err why;
    int code = db_sync_run(conn, drop_functions, 0, NULL, NULL, &why);
    if (code)
        return err_set(e, code,
                       "The functions cannot be replaced: %s. Objects that are not Corral's must neither be "
                       "in the schema corral nor depend on objects in it",
                       why.text);
    code = db_sync_run(conn, db_sql_attached, 0, NULL, NULL, &why);
    if (code)
        return err_set(e, code, "The functions of the tables failed: %s", why.text);
    for (size_t i = 0; !code && i < db_sql_count; i++) {
        if (row_of(rows, db_sql[i].number) >= 0)
            continue;
        code = apply(conn, &db_sql[i], e);
        *applied += code ? 0 : 1;
    }
    if (!code)
        code = create_functions(conn, e);
    *applied += code ? 0 : 1;
    return code;
}

static bool up_to_date(const PGresult *rows)
{
    int row = row_of(rows, FUNCTIONS);
    bool same = row >= 0 && strcmp(state_of(rows, row), "applied") == 0;
    for (size_t i = 0; same && i < db_sql_count; i++)
        same = row_of(rows, db_sql[i].number) >= 0;
    return same;
}

static int migrate_on(PGconn *conn, int *applied, struct err *e)
{
    PGresult *rows = NULL;
    int code = db_sync_run(conn, begin_and_prepare, 0, NULL, NULL, e);
    if (!code)
        code = db_sync_run(conn, applied_rows, 0, NULL, &rows, e);
    if (!code)
        code = check(rows, e);
    if (!code && !up_to_date(rows))
        code = apply_pending(conn, rows, applied, e);
    PQclear(rows);
    if (!code)
        code = db_sync_run(conn, set_default_path, 0, NULL, NULL, e);
    return code ? code : db_sync_run(conn, "commit", 0, NULL, NULL, e);
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

static void report_one(const PGresult *rows, int number, const char *name, db_migration_cb *cb, void *arg)
{
    int row = rows ? row_of(rows, number) : -1;
    struct db_migration m = {number, name, row < 0 ? "pending" : state_of(rows, row),
                             row < 0 ? "" : PQgetvalue(rows, row, 3)};
    cb(arg, &m);
}

static void report(const PGresult *rows, db_migration_cb *cb, void *arg)
{
    for (size_t i = 0; i < db_sql_count; i++)
        report_one(rows, db_sql[i].number, db_sql[i].name, cb, arg);
    for (int row = 0; rows && row < PQntuples(rows); row++) {
        if (strcmp(state_of(rows, row), "unknown") == 0)
            report_one(rows, atoi(PQgetvalue(rows, row, 0)), PQgetvalue(rows, row, 1), cb, arg);
    }
    report_one(rows, FUNCTIONS, "functions", cb, arg);
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

const char *db_schema_functions(void)
{
    return db_sql_functions_sha256;
}
