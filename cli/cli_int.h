/* The state of one run; private to main.c, options.c, client.c, profile.c, lookup.c and completion.c. */
#ifndef CORRAL_CLI_CLI_INT_H
#define CORRAL_CLI_CLI_INT_H

#include "cli/cli.h"

#include <curl/curl.h>

struct given {
    const struct opt *option;
    const char *value;
};

struct cli {
    const struct command *const *verbs; /* all of them */
    size_t verb_count;
    const struct command *command;
    struct given *given;
    size_t given_count;
    const char *before; /* the argument before "--" */
    CURL *curl;
    CURLM *multi; /* keeps the connection between requests */
    char *url, *key;
    long patience_s; /* of a request; 0: no limit */
    bool async, interruptible, silent;
    json_t *live, *all; /* sandboxes, as lookup.c has read them; NULL before */
};

#endif
