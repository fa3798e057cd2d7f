/* A table of text, fitted to the terminal. */
#ifndef CORRAL_CLI_TABLE_H
#define CORRAL_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define TABLE_COLUMNS_MAX 16
#define TABLE_GAP         3 /* between two columns */

enum table_colour { TABLE_PLAIN, TABLE_GREEN, TABLE_YELLOW, TABLE_RED, TABLE_DIM };

struct table_column {
    const char *head;
    int rank; /* 0: important; the column with the highest rank is cut first, and is the first to go */
};

struct table_cell {
    char *text; /* safe to print */
    enum table_colour colour;
};

struct table {
    const struct table_column *columns;
    size_t count, rows;
    struct table_cell *cells; /* rows * count */
};

/* columns is borrowed, and has at most TABLE_COLUMNS_MAX items. */
void table_init(struct table *t, const struct table_column *columns, size_t count);
void table_fini(struct table *t);

/* Adds a cell to the last row, or begins the next row. Takes text. */
void table_add(struct table *t, char *text, enum table_colour colour);

/* Prints heads and rows on standard output. limit: on a terminal at most so many rows, 0 for all;
 * the rest is counted. */
void table_print(const struct table *t, bool with_heads, size_t limit);

/*
 * Lowers the widths until the columns, with their gaps, take at most so many columns of the terminal: cuts
 * those with the highest rank first, then leaves them out (width 0), then cuts the important ones from the
 * right. Pure.
 */
void table_fit(int *widths, const struct table_column *columns, size_t count, int columns_of_terminal);

#endif
