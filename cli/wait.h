/* Waiting for a state of a sandbox (cmd_wait.c). */
#ifndef CORRAL_CLI_WAIT_H
#define CORRAL_CLI_WAIT_H

#include "cli/cli.h"

#include <stdint.h>

enum wait_result {
    WAIT_NOT_YET,
    WAIT_REACHED,
    WAIT_ENDED /* the sandbox has ended and does not reach the state any more */
};

/*
 * Waits on the server once, at most ms milliseconds and some 30 s. state NULL: the end. answer has the
 * sandbox, and is the caller's.
 */
int wait_once(struct cli *cli, const char *id, const char *state, uint64_t ms, struct cli_answer *answer,
              enum wait_result *result) MUST_CHECK;

#endif
