#include "controller/db/db_sqlstate.h"

#include "common/base/err.h"

#include <string.h>

#define NO_SCHEMA "The database has not this program's schema: run corral-controller migrate"

static const struct db_sqlstate states[] = {
    {"CO001", ERR_WRONG_STATE, DB_TELL, "Not possible in this state"},
    {"CO002", ERR_NOT_LEADING, DB_TELL, "This controller does not lead; try again"},
    {"CO003", ERR_INVALID, DB_TELL, "name: is longer than 63 characters in its normal form (NFC)"},
    {"42P01", ERR_CONFIG, DB_TELL, NO_SCHEMA},
    {"42883", ERR_CONFIG, DB_TELL, NO_SCHEMA},
    {"22", ERR_INVALID, DB_TELL, "A value is not one that the database can take"},
    {"23", ERR_CONFLICT, DB_TELL, "That conflicts with existing data"},
    {"25006", ERR_DATABASE_UNAVAILABLE, DB_READ_ONLY, "The database is read-only now"},
    {"08", ERR_DATABASE_UNAVAILABLE, DB_RENEW, "The connection to the database was lost"},
    {"40001", ERR_DATABASE_UNAVAILABLE, DB_AGAIN, "The database is busy"},
    {"40P01", ERR_DATABASE_UNAVAILABLE, DB_AGAIN, "The database is busy"},
    {"40", ERR_DATABASE_UNAVAILABLE, DB_TELL, "The database is busy"},
    {"53100", ERR_DATABASE_UNAVAILABLE, DB_FULL, "The disk of the database is full"},
    {"53300", ERR_DATABASE_UNAVAILABLE, DB_RENEW, "The database has no connection to spare"},
    {"53", ERR_DATABASE_UNAVAILABLE, DB_TELL, "The database is out of resources"},
    {"55", ERR_DATABASE_UNAVAILABLE, DB_TELL, "The database is busy"},
    {"57P01", ERR_DATABASE_UNAVAILABLE, DB_OVER, "The database ended the connection"},
    {"57P02", ERR_DATABASE_UNAVAILABLE, DB_RENEW, "The database ended the connection"},
    {"57P03", ERR_DATABASE_UNAVAILABLE, DB_OVER, "The database is starting or stopping"},
    {"57P04", ERR_DATABASE_UNAVAILABLE, DB_RENEW, "The database was dropped"},
    {"57P05", ERR_DATABASE_UNAVAILABLE, DB_OVER, "The database ended the connection"},
    {"57014", ERR_DATABASE_UNAVAILABLE, DB_TELL, "The request took the database too long"},
    {"57", ERR_DATABASE_UNAVAILABLE, DB_TELL, "The database stopped the request"},
    {"58", ERR_DATABASE_UNAVAILABLE, DB_TELL, "The database has trouble with its disk"},
    /* Happens when functions are replaced while one runs ("cache lookup failed"). */
    {"XX000", ERR_INTERNAL, DB_AGAIN, "The database refused the request"},
    {"", ERR_INTERNAL, DB_TELL, "The database refused the request"},
};

const struct db_sqlstate *db_sqlstate_find(const char *state)
{
    const struct db_sqlstate *row = states;
    while (strncmp(state, row->state, strlen(row->state)) != 0)
        row++;
    return row;
}
