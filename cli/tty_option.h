/* Running one command in a terminal of its own in a sandbox: a process that this program attaches to. */
#ifndef CORRAL_CLI_EXEC_TTY_H
#define CORRAL_CLI_EXEC_TTY_H

#include "cli/cli.h"

/* Why standard input, which is no terminal, cannot be sent to one; CLI_USAGE. */
int exec_tty_refuse(const char *instead);

/* The option --escape; *key is as in escape.h. CLI_USAGE, with the error printed. */
#define ESCAPE_OPTION                                                                                        \
    {                                                                                                        \
        "escape", 0, OPT_TEXT, "KEY|none", NULL,                                                             \
            "Key that, typed at the beginning of a line, begins a word to this program: ~. leaves, ~? says " \
            "more. Default: ~."                                                                              \
    }
int exec_tty_escape(const struct cli *cli, int *key) MUST_CHECK;

/*
 * Runs the command in a terminal with the options of exec.h; with --interactive the keys of ours go to it.
 * Returns its exit code: 128 and the number of a signal; CLI_FAILED, with the error printed. If a signal ends
 * this program, the process is killed; if the user leaves, it goes on.
 */
int exec_tty_run(struct cli *cli, const char *id, int argc, char **argv) MUST_CHECK;

#endif
