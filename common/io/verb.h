/* A program and its verbs as one table, from which dispatch, --help and --version are made. */
#ifndef CORRAL_COMMON_IO_VERB_H
#define CORRAL_COMMON_IO_VERB_H

#include "common/io/conf.h"

#include <stddef.h>

struct program;

struct verb {
    const char *name; /* one or two words: "serve", "config check" */
    const char *args; /* for the usage line */
    const char *help; /* one sentence */
    /* argv[0] is the first word after the verb. Returns the exit code: 0 done, 1 failed, 2 usage. */
    int (*run)(const struct program *program, int argc, char **argv);
};

struct program {
    const char *name;
    const char *about; /* one sentence */
    const struct conf_table *conf;
    const char *conf_file; /* read if --config names none; it may be missing */
    const struct verb *verbs;
    size_t verb_count;
};

/* Runs the verb that argv names. Returns the exit code. */
int verb_main(const struct program *program, int argc, char **argv);

/* Prints "program: sentence" on stderr and returns 1. */
int verb_failed(const struct program *program, const char *sentence);

#endif
