/* Rows of sandboxes as structs, and the defaults as JSON. Private to this folder. */
#ifndef CORRAL_CONTROLLER_DB_ROW_H
#define CORRAL_CONTROLLER_DB_ROW_H

#include "controller/db/db_sandbox.h"

#include <postgresql/libpq-fe.h>

/* The cell as a number; 0 for null. */
uint64_t db_cell_num(const PGresult *r, int row, int column);
/* 0 where the answer has no such column. */
int64_t db_named_cell(const PGresult *r, int row, const char *column);

/* The cell as text, borrowed; NULL for null. */
const char *db_cell(const PGresult *r, int row, int column);

/* Reads exactly count numbers from an array column; 0 for null. */
void db_cell_numbers(const PGresult *r, int row, int column, uint64_t *out, size_t count);

/* Fills from the columns id, node, state, desired, desired_reason, generation, remaining_ms and limits. */
int db_row_change(const PGresult *r, int column, struct db_sandbox_row *row, struct err *e) MUST_CHECK;

/* What the SQL functions take as defaults; free() it. */
char *db_defaults_json(const struct db_defaults *defaults);

#endif
