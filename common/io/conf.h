/*
 * Configuration by one table a daemon. A row names a key, its environment name, type, default, range and
 * help; from it come parsing, `config show`, deploy/env.example and docs/configuration.md. Later sources win:
 * default, YAML file, environment (NAME, or NAME_FILE=path for its content), flags (--key value). An empty
 * value of any type, in any of them, is one that is not given: what was before it holds. So a key that has a
 * default is never NULL.
 *
 * Values live in a plain struct of the daemon, at the row's offset: char * (owned, NULL for "not set"),
 * bool or uint64_t. Blocking; for start-up and reload.
 */
#ifndef CORRAL_COMMON_CONF_H
#define CORRAL_COMMON_CONF_H

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
    CONF_BYTES       /* uint64_t; "512M" and the like are taken */
};

struct conf_row {
    const char *key; /* lower case with underscores; the flag is --key with hyphens */
    const char *env;
    enum conf_type type;
    size_t offset;
    const char *preset;  /* the default, as it would be written; NULL: not set */
    uint64_t min, max;   /* of numbers; of strings max is the length, 0: CONF_STRING_MAX */
    const char *choices; /* CONF_CHOICE: words with spaces between */
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
    /* What serve will refuse of values together, for config check; NULL: nothing. ERR_CONFIG. */
    int (*check)(const void *values, struct err *e);
};

/* Where the values come from. Borrowed. */
struct conf_sources {
    const char *file;   /* the YAML file, NULL for none */
    bool file_optional; /* it may be missing (the default path was not asked for) */
    char **environ;
    int argc; /* flags that are left, all "--key value" or "--key=value" */
    char **argv;
};

/*
 * Fills *values (all zero before). ERR_CONFIG with file, line, key and what is allowed; *values then holds
 * nothing.
 */
int conf_load(const struct conf_table *table, const struct conf_sources *sources, void *values,
              struct err *e) MUST_CHECK;

/*
 * Loads again and takes over the reloadable rows, all or nothing. changed (may be NULL) is told each key that
 * changed, and whether it was taken over or needs a restart.
 */
int conf_reload(const struct conf_table *table, const struct conf_sources *sources, void *values,
                void (*changed)(void *arg, const char *key, bool taken), void *arg, struct err *e) MUST_CHECK;

/* Frees the strings. */
void conf_fini(const struct conf_table *table, void *values);

/* Sets one value from text; an empty one changes nothing. where: what the error sentence begins with
 * ("file:3"). */
int conf_set(const struct conf_row *row, void *values, const char *where, const char *text,
             struct err *e) MUST_CHECK;

/* The row's value as text into out, secrets hidden. */
void conf_value_text(const struct conf_row *row, const void *values, char *out, size_t size);

/* Whether its value is a char *. */
bool conf_is_text(const struct conf_row *row);

/* The row of this key; NULL where there is none. */
const struct conf_row *conf_find(const struct conf_table *table, const char *key);

/* What is in force, as YAML with secrets hidden. */
void conf_show(const struct conf_table *table, const void *values, FILE *out);

/* The rows as lines of an environment file, and as a Markdown table. */
void conf_env_example(const struct conf_table *table, FILE *out);
void conf_markdown(const struct conf_table *table, FILE *out);

/* Reads YAML bytes into values; file is for the error. Refuses duplicate and unknown keys, aliases, nesting.
 */
int conf_yaml_read(const struct conf_table *table, const char *file, const char *bytes, size_t len,
                   void *values, struct err *e) MUST_CHECK;

#endif
