/*
 * The command line: each verb is a struct command in a file cmd_NOUN.c, listed in the table of verbs.c, which
 * is the source of the help, the man page, docs/cli.md and the completion. Options are rows, too; a row that
 * names a field of the API is put into the request automatically.
 */
#ifndef CORRAL_CLI_CLI_H
#define CORRAL_CLI_CLI_H

#include "common/base/defs.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum cli_exit {
    CLI_DONE = 0,
    CLI_REFUSED = 1, /* the server refused; its problem document was printed */
    CLI_USAGE = 2,
    CLI_UNREACHABLE = 3,
    CLI_FAILED = 125,   /* of a verb that otherwise exits with the code of a command inside, as Docker does */
    CLI_SIGNALLED = 128 /* and the number of the signal */
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

/*
 * The name of a value, or of an argument, also says how it is completed: "a|b" by these words,
 * SANDBOX, IMAGE, TEMPLATE, NODE, USER, TIER, STATE, REGION and PROFILE by names (completion.c).
 *
 * The letters i and t are kept for --interactive and --tty, which users expect of them everywhere.
 */
struct opt {
    const char *name; /* NULL ends a list */
    char letter;      /* 0: none */
    enum opt_type type;
    const char *value; /* name of the value in the help; NULL for OPT_FLAG */
    const char *field; /* field of the request's body or query; NULL: the command reads the option itself */
    const char *help;
};

struct cli;

enum cli_arguments {
    ARGUMENTS_ANYWHERE,     /* among the options */
    ARGUMENTS_END_OPTIONS,  /* from the first one on, all is a command line of its own */
    ARGUMENTS_AFTER_DASHES, /* all after "--"; before it at most one, which is cli_before() */
};

struct command {
    const char *name;          /* one to three words */
    const char *args;          /* for the usage line */
    const char *help;          /* one sentence */
    const struct opt *options; /* NULL: only the options that every verb has */
    const struct opt *shared;  /* more of them, which other verbs have too */
    int least, most;           /* arguments; most -1: any number */
    enum cli_arguments arguments;
    bool list;    /* prints a list of the API: has --filter */
    bool offline; /* needs no API key */
    int failure;  /* exit code where it cannot even begin; 0: as enum cli_exit says */
    int (*run)(struct cli *cli, int argc, char **argv);
};

/* --- options of the verb that runs (options.c) --- */

/* The last value given, as written; NULL where the option was not given. "" for a flag. */
const char *cli_option(const struct cli *cli, const char *name);

/* Calls cb with each value of an option that may be given again, until cb returns a value other than 0. */
int cli_each_option(const struct cli *cli, const char *name, int (*cb)(void *arg, const char *value),
                    void *arg) MUST_CHECK;

/* The argument before "--"; NULL where there was none. */
const char *cli_before(const struct cli *cli);

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

/* Row number index of the options of a verb, its own first; NULL after the last one. */
const struct opt *cli_option_row(const struct command *command, int index);

/* --- requests (client.c) --- */

struct cli_answer {
    long status;
    json_t *json; /* NULL where there was no body */
};
void cli_answer_fini(struct cli_answer *answer);

/*
 * Makes one request; takes body, NULL for none. CLI_DONE for any status below 400; else the exit code, with
 * the error printed on stderr. CLI_SIGNALLED and the signal's number, with nothing printed, where a signal
 * came (cli_interruptible).
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

/* Sets the server and the API key. */
void cli_use(struct cli *cli, const char *url, const char *key);
const char *cli_url(const struct cli *cli);
/* Whether "Prefer: respond-async" is sent with all requests from now on. */
void cli_prefer_async(struct cli *cli, bool async);
/* Whether a signal that interrupt.h holds ends requests from now on. */
void cli_interruptible(struct cli *cli, bool interruptible);
/* How long a request may take from now on; 0: for ever. Default 90 s: a wait on the server takes up to 60. */
void cli_patience(struct cli *cli, long seconds);
/* Keeps errors of requests to itself from now on; for the completion. */
void cli_be_silent(struct cli *cli);

/* Adds the items of all pages of a list to items, until there are max of them; 0: all (pages.c). */
int cli_all_pages(struct cli *cli, const char *path, size_t max, json_t *items) MUST_CHECK;

/* --- shared by several verbs (common_verbs.c) --- */

struct column;

/* GETs all pages of a list, applies --filter and prints it. With --quiet, prints only the member quiet. */
int cli_list(struct cli *cli, const char *path, const struct column *columns, size_t count,
             const char *quiet);

/* Makes the request and prints the object in the answer, if there is one. */
int cli_show(struct cli *cli, const char *method, const char *path, json_t *body);

/* Changes an object (PATCH) and shows the result; an empty body is a usage error that names an example. Takes
 * body. */
int cli_change(struct cli *cli, const char *path, json_t *body, const char *example);

/* Adds `enabled` where one of the options --enable and --disable was given. Returns body. */
json_t *cli_switch(struct cli *cli, json_t *body);

/* Says on stderr that the server answered 202, unless that was asked for. */
void cli_tell_later(const struct cli *cli, const struct cli_answer *answer, const char *what);

/*
 * Requests before/ARGUMENT/after for each argument in turn and prints the result; with --json as one
 * document, a list for several arguments. Returns the code of the first failure. cli_each_sandbox: the
 * arguments are ids, prefixes or names of sandboxes, and before is "/sandbox/".
 */
int cli_each(struct cli *cli, const char *method, const char *before, const char *after, int argc,
             char **argv);
int cli_each_sandbox(struct cli *cli, const char *method, const char *after, int argc, char **argv);

#endif
