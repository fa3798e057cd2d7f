/* The options of verbs that connect a terminal in a sandbox with ours. */
#ifndef CORRAL_CLI_TTY_OPTION_H
#define CORRAL_CLI_TTY_OPTION_H

#include "cli/cli.h"

/* Why standard input, which is no terminal, cannot be sent to one; CLI_USAGE. */
int tty_option_refuse(const char *instead);

/* The option --escape; *key is as in escape.h. CLI_USAGE, with the error printed. */
#define ESCAPE_OPTION                                                                                        \
    {                                                                                                        \
        "escape", 0, OPT_TEXT, "KEY|none", NULL,                                                             \
            "Key that, typed at the beginning of a line, begins a word to this program: ~. leaves, ~? says " \
            "more. Default: ~."                                                                              \
    }
int tty_option_escape(const struct cli *cli, int *key) MUST_CHECK;

#endif
