/* The body of the request that starts a command: POST /sandbox/{id}/processes. */
#ifndef CORRAL_CLI_EXEC_REQUEST_H
#define CORRAL_CLI_EXEC_REQUEST_H

#include "cli/cli.h"

#include <stdint.h>

/* The command, with --env, --workdir and --timeout. The caller's. */
json_t *exec_request(const struct cli *cli, int argc, char **argv);

/* Adds that it has a terminal of this size. */
void exec_request_terminal(json_t *body, uint16_t rows, uint16_t columns);

/* Adds that it is held for a client, that long, and whether it has input. */
void exec_request_held(json_t *body, unsigned grace_seconds, bool has_input);

#endif
