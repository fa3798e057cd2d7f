/* Checks that the database has this program's schema. */
#include "controller/db/db_migrate.h"
#include "controller/db/db_query.h"

#include <stdio.h>

void db_schema_check(struct db_pool *pool, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "schema_check",
        "select max(number)::text from schema_migrations"
        " having max(number) = $1::integer and bool_or(number = 0 and sha256 = $2)",
        2, .class = DB_READ};
    char number[16];
    snprintf(number, sizeof number, "%d", db_schema_version());
    const char *params[] = {number, db_schema_functions()};
    db_query_json(pool, &stmt, params, ERR_CONFIG,
                  "The database has not this program's schema: run corral-controller migrate", cb, arg);
}
