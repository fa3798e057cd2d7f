/* The migrations of sql/, as the build embeds them (embed_sql.py). Private to this folder. */
#ifndef CORRAL_CONTROLLER_DB_SQL_H
#define CORRAL_CONTROLLER_DB_SQL_H

#include <stddef.h>

struct db_sql {
    int number;
    const char *name;
    const char *sha256; /* of the file, in hexadecimal */
    const char *text;
};

/* In the order of their numbers, which rise. */
extern const struct db_sql db_sql[];
extern const size_t db_sql_count;

#endif
