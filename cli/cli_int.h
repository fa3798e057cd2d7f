/*
 * The state of one run; private to main.c, options.c, client.c, transfer.c, ws_client.c, profile.c, lookup.c
 * and completion.c.
 */
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

/*
 * A handle that only connects to the server, as requests do: with their CA, their proxy. The caller's
 * (client.c).
 */
CURL *cli_connection(const struct cli *cli);

/* A handle of its own for a request that takes as long as it takes, with its headers, to be set (client.c).
 * Both are the caller's. */
CURL *cli_request(const struct cli *cli, const char *path, struct curl_slist **headers);

/* Print on stderr why a request failed: the server's problem (NULL: none came), or why it is unreachable. */
void cli_print_problem(const struct cli *cli, long status, const json_t *problem);
void cli_print_unreachable(const struct cli *cli, CURLcode rc);

#endif
