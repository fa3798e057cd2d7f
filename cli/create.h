/* What `corral create` and `corral run` share (cmd_create.c). */
#ifndef CORRAL_CLI_CREATE_H
#define CORRAL_CLI_CREATE_H

#include "cli/cli.h"

/* Of a sandbox alone: what it is called, and what it is made by. */
#define CREATE_NAME_OPTIONS                                                                                  \
    {"name", 'n', OPT_TEXT, "NAME", "name", "A name to show to people."},                                    \
    {                                                                                                        \
        "template", 0, OPT_TEXT, "TEMPLATE", "template",                                                     \
            "Make it as this template says, in its newest version or (NAME@NUMBER) in one; what is said "    \
            "here goes before."                                                                              \
    }

/* The options that describe a sandbox, and what a template says of one. */
extern const struct opt create_options[];

/* The words of a command, as the API takes them. The caller's. */
json_t *create_command(int argc, char **argv);

#endif
