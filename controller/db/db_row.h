/* Rows of sandboxes as structs, and the defaults as JSON. Private to this folder. */
#ifndef CORRAL_CONTROLLER_DB_DB_ROW_H
#define CORRAL_CONTROLLER_DB_DB_ROW_H

#include "controller/db/db_sandbox.h"

#include <postgresql/libpq-fe.h>

/* The cell as a number; 0 for null. */
uint64_t db_cell_num(const PGresult *r, int row, int column);

/* The cell as text, borrowed; NULL for null. */
const char *db_cell(const PGresult *r, int row, int column);

/* Reads exactly count numbers from an array column; 0 for null. */
void db_cell_numbers(const PGresult *r, int row, int column, uint64_t *out, size_t count);

/* Fills from the columns of the type sandbox_row, of which `first` is the first: all but the spec. */
int db_row_fill(const PGresult *r, int n, int first, struct sandbox_row *row, struct err *e) MUST_CHECK;

/* What the SQL functions take as defaults; free() it. */
char *db_defaults_json(const struct db_defaults *defaults);

#endif
