/*
 * Configuration from one table per daemon. A row names a key, its environment variable, type, default, range
 * and help. Parsing, `config show`, deploy/env.example and docs/configuration.md are all made from it. Later
 * sources win: default, YAML file, environment (NAME, or NAME_FILE=path for the content of a file), flags
 * (--key value). An empty value in any source counts as not given, so the earlier value stays. A key that has
 * a default is therefore never NULL.
 *
 * Values live in a plain struct of the daemon, at the row's offset: char * (owned, NULL for "not set"), bool
 * or uint64_t. Blocking; for start-up and reload.
 */
#ifndef CORRAL_COMMON_IO_CONF_H
#define CORRAL_COMMON_IO_CONF_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum conf_type {
    CONF_STRING,     /* char * */
    CONF_LIST,       /* char *, items joined by commas; a sequence in YAML */
    CONF_NAME,       /* char *, one word of letters, digits, '.', '_' and '-' */
    CONF_IP,         /* char *, an IP address */
    CONF_IMAGE,      /* char *, the name of an image */
    CONF_REGISTRIES, /* char *, a list of hosts of image registries, or "none" */
    CONF_CHOICE,     /* char *, one of the words in choices */
    CONF_BOOL,       /* bool */
    CONF_UINT,       /* uint64_t */
    CONF_BYTES       /* uint64_t; accepts sizes like "512M" */
};

struct conf_row {
    const char *key; /* lower case with underscores; the flag is --key with hyphens */
    const char *env;
    enum conf_type type;
    size_t offset;
    const char *preset;  /* the default, as in the YAML file; NULL: not set */
    uint64_t min, max;   /* bounds of a number; of a string max is the length, 0: CONF_STRING_MAX */
    const char *choices; /* CONF_CHOICE: words separated by spaces */
    bool reloadable;
    bool secret;
    const char *help; /* one sentence */
};

#define CONF_STRING_MAX 1024
#define CONF_FILE_MAX   (256 * 1024)

struct conf_table {
    const struct conf_row *row;
    size_t count;
    size_t size; /* of the struct of values */
    /* Checks what no row can check alone: combinations of values that `serve` refuses. NULL: nothing to
     * check. Returns 0 or ERR_CONFIG. */
    int (*check)(const void *values, struct err *e);
};

/* Where the values come from. Borrowed. */
struct conf_sources {
    const char *file;   /* the YAML file, NULL for none */
    bool file_optional; /* the file may be missing (nobody asked for it by name) */
    char **environ;
    int argc; /* the remaining flags, all "--key value" or "--key=value" */
    char **argv;
};

/*
 * Fills *values (all zero before). On failure returns ERR_CONFIG with file, line, key and what is allowed,
 * and *values holds nothing.
 */
int conf_load(const struct conf_table *table, const struct conf_sources *sources, void *values,
              struct err *e) MUST_CHECK;

/*
 * Loads again and takes over the reloadable rows, all or nothing. changed (may be NULL) is called for each
 * key that changed, with whether it was taken over or needs a restart.
 */
int conf_reload(const struct conf_table *table, const struct conf_sources *sources, void *values,
                void (*changed)(void *arg, const char *key, bool taken), void *arg, struct err *e) MUST_CHECK;

/* Frees the strings. */
void conf_fini(const struct conf_table *table, void *values);

/* Sets one value from text; an empty text changes nothing. where ("file:3") begins the sentence of an
 * error. */
int conf_set(const struct conf_row *row, void *values, const char *where, const char *text,
             struct err *e) MUST_CHECK;

/* Writes the row's value as text into out; secrets are hidden. */
void conf_value_text(const struct conf_row *row, const void *values, char *out, size_t size);

/* Whether the row's value is a char *. */
bool conf_is_text(const struct conf_row *row);

/* Returns the row of this key; NULL if there is none. */
const struct conf_row *conf_find(const struct conf_table *table, const char *key);

/* Prints the effective configuration as YAML; secrets are hidden. */
void conf_show(const struct conf_table *table, const void *values, FILE *out);

/* Prints the rows as lines of an environment file, and as a Markdown table. */
void conf_env_example(const struct conf_table *table, FILE *out);
void conf_markdown(const struct conf_table *table, FILE *out);

/* Reads YAML bytes into values; file is for the error's sentence. Refuses duplicate and unknown keys,
 * aliases and nesting. */
int conf_yaml_read(const struct conf_table *table, const char *file, const char *bytes, size_t len,
                   void *values, struct err *e) MUST_CHECK;

#endif
