/* Prints lists, objects and JSON of the API on standard output. */
#ifndef CORRAL_CLI_PRINT_H
#define CORRAL_CLI_PRINT_H

#include "cli/cli.h"

#include <stdio.h>

enum column_format {
    AS_TEXT,
    AS_BYTES,
    AS_AGO,
    AS_LEFT,
    AS_PERCENT, /* coloured where it is high */
    AS_SECONDS,
    AS_STATE, /* coloured by what it says */
    AS_WORDS, /* a list of strings, as a command line */
    AS_SIZE   /* of a terminal: 80x24 */
};

struct column {
    const char *head;
    const char *path; /* "limits.memory_bytes" */
    enum column_format format;
    int rank; /* as in struct table_column */
};

/* The value at a path of names with points between them; NULL where there is none. The object's. */
const json_t *print_at(const json_t *object, const char *path);

/* Prints a table of these objects. limit: as table_print has it. */
void print_table(const json_t *items, const struct column *columns, size_t count, bool with_heads,
                 size_t limit);

/* Prints one object, a field on each line with its path as name; with --json unchanged, with -q its id. */
void print_object(const struct cli *cli, const json_t *object);

/* Write JSON with control sequences for terminals escaped. print_json_line: on one line. */
void print_json(const json_t *json);
void print_json_line(const json_t *json);
void print_json_to(FILE *out, const json_t *json);

/* The same of JSON as text. */
void print_json_text(FILE *out, const char *text);

#endif
