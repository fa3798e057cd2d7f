/*
 * The command line: each verb is a struct command in a file cmd_NOUN.c, listed in one table in main.c.
 * Options are rows, too; a row that names a field of the API is put into the request automatically.
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
    CLI_REFUSED = 1, /* the server refused; its problem document was printed */
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
    OPT_LABEL    /* as OPT_PAIR, but also K:V, the form that a query uses */
};

struct opt {
    const char *name; /* NULL ends a list */
    char letter;      /* 0: none */
    enum opt_type type;
    const char *value; /* placeholder of the value in the help; NULL for OPT_FLAG */
    const char *field; /* field of the request's body or query; NULL: the command reads the option itself */
    const char *help;
};

struct cli;

struct command {
    const char *name;          /* one to three words */
    const char *args;          /* for the usage line */
    const char *help;          /* one sentence */
    const struct opt *options; /* NULL: only the options that every verb has */
    int least, most;           /* arguments; most -1: any number */
    bool stop_at_argument;     /* options end at the first argument: the rest is a command line of its own */
    int (*run)(struct cli *cli, int argc, char **argv);
};

/* --- options of the verb that runs (options.c) --- */

/* The last value given, as written; NULL where the option was not given. "" for a flag. */
const char *cli_option(const struct cli *cli, const char *name);

/* Calls cb with each value of an option that may be given again, until cb returns a value other than 0. */
int cli_each_option(const struct cli *cli, const char *name, int (*cb)(void *arg, const char *value),
                    void *arg) MUST_CHECK;

/* The options that have a field, as a JSON object for the API. The caller's. */
json_t *cli_body(const struct cli *cli);

/* path, with the options that have a field as its query. The caller's. */
char *cli_query(const struct cli *cli, const char *path);

bool cli_wants_json(const struct cli *cli);
bool cli_is_quiet(const struct cli *cli);

/* Prints a usage error on stderr; returns CLI_USAGE. */
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
 * Makes one request; takes body, NULL for none. CLI_DONE for any status below 400; else the exit code, with
 * the error printed on stderr.
 */
int cli_call(struct cli *cli, const char *method, const char *path, json_t *body,
             struct cli_answer *answer) MUST_CHECK;

/*
 * Makes one GET and writes the body of its answer to out as it comes, however long that takes. accept: the
 * media type that is asked for. CLI_DONE once all of it came; else the exit code, with the error printed on
 * stderr.
 */
int cli_stream(struct cli *cli, const char *path, const char *accept, FILE *out) MUST_CHECK;

/* Formats a path; each %s is escaped as one segment. The caller's. */
char *cli_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Sets the server and the API key; for login. */
void cli_use(struct cli *cli, const char *url, const char *key);
const char *cli_url(const struct cli *cli);
/* Sends "Prefer: respond-async" with all requests from now on. */
void cli_prefer_async(struct cli *cli);

/*
 * Reads $CORRAL_URL and $CORRAL_API_KEY, or what login stored. False where there is no key; the error is
 * printed on stderr.
 */
bool cli_find_login(struct cli *cli);
/* Stores both, readable by this user only. False where that fails; the error is printed on stderr. */
bool cli_store_login(const char *url, const char *key);

/* --- output (print.c) --- */

enum column_format { AS_TEXT, AS_BYTES, AS_AGO, AS_LEFT, AS_PERCENT, AS_SECONDS };

struct column {
    const char *head;
    const char *path; /* "limits.memory_bytes" */
    enum column_format format;
};

/* Prints a table of these objects, or with --json the whole answer. */
void cli_print_table(const struct cli *cli, const json_t *items, const struct column *columns, size_t count);

/* Prints one object, a field on each line with its path as name; with --json unchanged. */
void cli_print_object(const struct cli *cli, const json_t *object);

void cli_print_json(const json_t *json);

/* Writes JSON to stdout or stderr, with control sequences for terminals escaped. */
void cli_write_json(FILE *out, const json_t *json);

/* Replaces each control sequence for terminals in text with '?'. Returns text. */
char *cli_show_only(char *text);

/* --- shared by several verbs (common_verbs.c) --- */

/* Adds the items of all pages of a list to items. */
int cli_all_pages(struct cli *cli, const char *path, json_t *items) MUST_CHECK;

/* GETs all pages of a list and prints them. With --quiet, prints only the column at quiet_path. */
int cli_list(struct cli *cli, const char *path, const struct column *columns, size_t count,
             const char *quiet_path);

/* Makes the request and prints the object in the answer, if there is one. */
int cli_show(struct cli *cli, const char *method, const char *path, json_t *body);

/*
 * Requests before/ARGUMENT/after for each argument in turn and prints the result; with --json as one
 * document, a list for several arguments. Returns the code of the first failure.
 */
int cli_each(struct cli *cli, const char *method, const char *before, const char *after, int argc,
             char **argv);

#endif
