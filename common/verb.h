/* The verbs of a program as one table: dispatch, --help and --version come from it. */
#ifndef CORRAL_COMMON_VERB_H
#define CORRAL_COMMON_VERB_H

#include <stddef.h>

struct verb {
    const char *name; /* one or two words: "serve", "config check" */
    const char *args; /* for the usage line */
    const char *help; /* one sentence */
    /* argv[0] is the first word after the verb. Returns the exit code: 0 done, 1 failed, 2 usage. */
    int (*run)(int argc, char **argv);
};

/* Runs the verb that argv names. about: one sentence on the program. Returns the exit code. */
int verb_main(const char *program, const char *about, const struct verb *verbs, size_t count, int argc,
              char **argv);

/* Prints "program: sentence" on stderr and returns 1. */
int verb_failed(const char *program, const char *sentence);

#endif
