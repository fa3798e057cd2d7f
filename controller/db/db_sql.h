/* The files of sql/ (its README.md says what they are), as the build embeds them (embed_sql.py). Private to
 * this folder. */
#ifndef CORRAL_CONTROLLER_DB_DB_SQL_H
#define CORRAL_CONTROLLER_DB_DB_SQL_H

#include <stddef.h>

/* A migration. */
struct db_sql {
    int number;
    const char *name;
    const char *sha256; /* of the file, in hexadecimal */
    const char *text;
};

/* In the order of their numbers, which rise. */
extern const struct db_sql db_sql[];
extern const size_t db_sql_count;

/* The functions that tables call; run before the migrations. */
extern const char *const db_sql_attached;

/* All other functions, one file a subject, in the order in which they run. */
struct db_sql_functions {
    const char *subject;
    const char *text;
};

extern const struct db_sql_functions db_sql_functions[];
extern const size_t db_sql_functions_count;
extern const char *const db_sql_functions_sha256; /* of the attached ones and the others, in hexadecimal */

#endif
