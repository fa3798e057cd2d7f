/* The state of one run; private to main.c, options.c and client.c. */
#ifndef CORRAL_CLI_CLI_INT_H
#define CORRAL_CLI_CLI_INT_H

#include "cli/cli.h"

#include <curl/curl.h>

struct given {
    const struct opt *option;
    const char *value;
};

struct cli {
    const struct command *command;
    struct given *given;
    size_t given_count;
    CURL *curl;
    char *url, *key;
    bool async;
};

/* Options that every verb has. */
extern const struct opt cli_common_options[];

#endif
