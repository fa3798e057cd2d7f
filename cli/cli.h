/*
 * The command line: each verb is a struct command in a file cmd_NOUN.c, found through one table in main.c.
 * Options are rows as well, and a row that names a field of the API goes into the request by itself.
 */
#ifndef CORRAL_CLI_CLI_H
#define CORRAL_CLI_CLI_H

#include "common/base/defs.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum cli_exit {
    CLI_DONE = 0,
    CLI_REFUSED = 1, /* the server said no, and its problem was printed */
    CLI_USAGE = 2,
    CLI_UNREACHABLE = 3
};

enum opt_type {
    OPT_FLAG,    /* no value; true in a body */
    OPT_TEXT,    /* string */
    OPT_NUMBER,  /* whole number */
    OPT_BYTES,   /* 256M → bytes */
    OPT_CPU,     /* 0.5 or 500m → thousandths of a processor */
    OPT_SECONDS, /* 1h30m → seconds */
    OPT_LIST,    /* may be given again: array of strings */
    OPT_PAIR,    /* K=V, may be given again: object of strings */
    OPT_LABEL    /* the same, also as K:V, which is how a query says it */
};

struct opt {
    const char *name; /* NULL ends a list */
    char letter;      /* 0: none */
    enum opt_type type;
    const char *value; /* what stands for the value in the help; NULL for OPT_FLAG */
    const char *field; /* of the request's body or query; NULL: the command reads it itself */
    const char *help;
};

struct cli;

struct command {
    const char *name;          /* one to three words */
    const char *args;          /* for the usage line */
    const char *help;          /* one sentence */
    const struct opt *options; /* NULL: only those that every verb has */
    int least, most;           /* arguments; most -1: any number */
    bool stop_at_argument;     /* what follows the first argument is no option: a command's own */
    int (*run)(struct cli *cli, int argc, char **argv);
};

/* --- options of the verb that runs (options.c) --- */

/* The last value given, as it was written; NULL where it was not. A flag's is "". */
const char *cli_option(const struct cli *cli, const char *name);

/* Calls cb with each value of an option that may be given again, until it returns something else than 0. */
int cli_each_option(const struct cli *cli, const char *name, int (*cb)(void *arg, const char *value),
                    void *arg) MUST_CHECK;

/* The options with a field, as an object of the API. The caller's. */
json_t *cli_body(const struct cli *cli);

/* path with the options with a field as its query. The caller's. */
char *cli_query(const struct cli *cli, const char *path);

bool cli_wants_json(const struct cli *cli);
bool cli_is_quiet(const struct cli *cli);

/* Prints a sentence of usage on stderr; CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *sentence);

/*
 * Parses the command line from the verb's last word on; *first is the index of the first argument. CLI_DONE
 * with *go false: help was printed.
 */
int cli_parse(struct cli *cli, int argc, char **argv, int *first, bool *go) MUST_CHECK;

/* --- requests (client.c) --- */

struct cli_answer {
    long status;
    json_t *json; /* NULL where there was no body */
};
void cli_answer_fini(struct cli_answer *answer);

/*
 * One request; body is taken, NULL for none. CLI_DONE for any status below 400, else the exit code, and what
 * is wrong was printed on stderr.
 */
int cli_call(struct cli *cli, const char *method, const char *path, json_t *body,
             struct cli_answer *answer) MUST_CHECK;

/* format with each %s escaped as a segment of a path. The caller's. */
char *cli_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Where the server is and whose key is used; for login. */
void cli_use(struct cli *cli, const char *url, const char *key);
const char *cli_url(const struct cli *cli);
/* Requests ask for "Prefer: respond-async" from now on. */
void cli_prefer_async(struct cli *cli);

/* Reads $CORRAL_URL and $CORRAL_API_KEY, or what login stored. False: there is no key (said on stderr). */
bool cli_find_login(struct cli *cli);
/* Stores them, for this user only. False: it cannot be written (said on stderr). */
bool cli_store_login(const char *url, const char *key);

/* --- what is printed (print.c) --- */

enum column_format { AS_TEXT, AS_BYTES, AS_AGO, AS_LEFT, AS_PERCENT, AS_SECONDS };

struct column {
    const char *head;
    const char *path; /* "limits.memory_bytes" */
    enum column_format format;
};

/* A table of these objects, or with --json the whole answer. */
void cli_print_table(const struct cli *cli, const json_t *items, const struct column *columns, size_t count);

/* One object: every field on a line with a name that says where it is. With --json as it is. */
void cli_print_object(const struct cli *cli, const json_t *object);

void cli_print_json(const json_t *json);

/* To stdout or stderr: JSON in which nothing is left that a terminal would obey. */
void cli_write_json(FILE *out, const json_t *json);

/* Puts a '?' for each thing in it that a terminal would obey. Returns text. */
char *cli_show_only(char *text);

/* --- what several verbs do (common_verbs.c) --- */

/* Adds the items of all pages of a list to items. */
int cli_all_pages(struct cli *cli, const char *path, json_t *items) MUST_CHECK;

/* GETs all pages of a list and prints it. quiet prints the column at quiet_path only. */
int cli_list(struct cli *cli, const char *path, const struct column *columns, size_t count,
             const char *quiet_path);

/* Calls and prints the object of the answer, if there is one. */
int cli_show(struct cli *cli, const char *method, const char *path, json_t *body);

/* Calls before/ARGUMENT/after for each argument in turn, and prints it when done; as JSON one document, of
 * several arguments a list. The first failure's code. */
int cli_each(struct cli *cli, const char *method, const char *before, const char *after, int argc,
             char **argv);

#endif
