/*
 * Brings a database to the schema that this program was built for (sql/README.md). Synchronous (for the verbs
 * "migrate" and "init", never on the loop). Migrations are forward only and recorded with their checksums;
 * the functions are replaced, all together, where they differ from this program's. A run is one transaction
 * under an advisory lock: all of it, or nothing.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_MIGRATE_H
#define CORRAL_CONTROLLER_DB_DB_MIGRATE_H

#include "common/base/err.h"

/*
 * Applies what is pending; *applied (may be NULL) counts the migrations, plus one for the functions.
 * ERR_DATABASE_UNAVAILABLE without a connection; ERR_CONFLICT where an applied migration was edited, is
 * unknown to this program (which is then older than the database), or is from before the first release;
 * ERR_INTERNAL where a statement fails. On an error, nothing is applied.
 */
int db_migrate(const char *url, int *applied, struct err *e) MUST_CHECK;

/* One line of `migrate --status`. state: "applied", "pending", "edited" or "unknown". Borrowed for the call.
 */
struct db_migration {
    int number; /* 0: the functions */
    const char *name;
    const char *state;
    const char *applied_at; /* RFC 3339, "" where it is pending */
};
typedef void db_migration_cb(void *arg, const struct db_migration *migration);

/*
 * Calls cb for each migration that the program or the database knows, and for the functions, before it
 * returns.
 */
int db_migrate_status(const char *url, db_migration_cb *cb, void *arg, struct err *e) MUST_CHECK;

/* The number of the newest migration of this program. */
int db_schema_version(void);
/* The checksum of this program's functions, as the database has it in row 0 of schema_migrations. */
const char *db_schema_functions(void);

#endif
