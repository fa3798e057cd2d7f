/* Standard input for a command in a sandbox, read as a whole. */
#ifndef CORRAL_CLI_INPUT_H
#define CORRAL_CLI_INPUT_H

#include "cli/cli.h"

#include <stdint.h>

#define INPUT_MAX (1u << 20) /* as much as one exec takes */

struct input {
    uint8_t *bytes; /* NULL or ends with a NUL that does not count */
    size_t len;
};

/*
 * Reads standard input to its end with --interactive, or where it is a file, or a pipe in which something is
 * (or whose writer is gone) within a moment. A pipe that nobody writes to would otherwise hold up a program
 * that did not mean to give any input. CLI_FAILED, with an error printed, where it is too long; CLI_SIGNALLED
 * and the number where a signal came.
 */
int input_read(struct cli *cli, struct input *input) MUST_CHECK;
void input_fini(struct input *input);

#endif
