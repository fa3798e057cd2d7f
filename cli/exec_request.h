/* The body of a request that runs a command: POST /sandbox/{id}/exec and /processes. */
#ifndef CORRAL_CLI_EXEC_REQUEST_H
#define CORRAL_CLI_EXEC_REQUEST_H

#include "cli/cli.h"

/* The command, with --env, --workdir and --timeout. The caller's. */
json_t *exec_request(const struct cli *cli, int argc, char **argv);

#endif
