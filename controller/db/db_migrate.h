/*
 * The schema: brings a database to the one that this program was built for. Synchronous (for the verbs
 * "migrate" and "init", never on the loop). Migrations are forward only; each is applied in a transaction of
 * its own, under an advisory lock, and recorded with its checksum.
 */
#ifndef CORRAL_CONTROLLER_DB_MIGRATE_H
#define CORRAL_CONTROLLER_DB_MIGRATE_H

#include "common/err.h"

/*
 * Applies what is pending; *applied (may be NULL) counts. ERR_DATABASE_UNAVAILABLE without a connection;
 * ERR_CONFLICT, with nothing applied, where the database has a migration that was edited since, or one that
 * this program does not know (it is older than the database); ERR_INTERNAL where a migration fails.
 */
int db_migrate(const char *url, int *applied, struct err *e) MUST_CHECK;

/* One line of `migrate --status`. state: "applied", "pending", "edited" or "unknown". Borrowed for the call.
 */
struct db_migration {
    int number;
    const char *name;
    const char *state;
    const char *applied_at; /* RFC 3339, "" where it is pending */
};
typedef void db_migration_cb(void *arg, const struct db_migration *migration);

/* Calls cb for each migration that the program or the database knows, in order, before it returns. */
int db_migrate_status(const char *url, db_migration_cb *cb, void *arg, struct err *e) MUST_CHECK;

/* The number of the newest migration of this program. */
int db_schema_version(void);

#endif
