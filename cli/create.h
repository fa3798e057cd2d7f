/* What `corral create` and `corral run` share (cmd_create.c). */
#ifndef CORRAL_CLI_CREATE_H
#define CORRAL_CLI_CREATE_H

#include "cli/cli.h"

/* The options that describe a sandbox. */
extern const struct opt create_options[];

/* The words of a command, as the API takes them. The caller's. */
json_t *create_command(int argc, char **argv);

#endif
