/*
 * Running one command in a sandbox, connected to the standard files of this program, or in a terminal: a
 * process that this program starts and attaches to (session.h). How its bytes travel is this file's matter
 * alone.
 */
#ifndef CORRAL_CLI_EXEC_H
#define CORRAL_CLI_EXEC_H

#include "cli/cli.h"

/* Options of the verbs that run a command, beside ESCAPE_OPTION. env is in create_options, too. */
#define EXEC_OPTIONS                                                                                         \
    {"interactive",                                                                                          \
     'i',                                                                                                    \
     OPT_FLAG,                                                                                               \
     NULL,                                                                                                   \
     NULL,                                                                                                   \
     "Send standard input to the command also where it is a terminal; what is none is sent in any case."},   \
        {"tty", 't',  OPT_FLAG,                                                                              \
         NULL,  NULL, "Run it in a terminal; with -i, that of this program, whose keys go to it."},          \
        {"workdir", 'w', OPT_TEXT, "DIR", NULL, "Working directory of the command."},                        \
    {                                                                                                        \
        "timeout", 0, OPT_SECONDS, "TIME", NULL, "Kill the command after this time."                         \
    }

struct exec_result {
    bool refused; /* by the server, perhaps because the sandbox is no longer there */
    bool left;    /* by the escape key: the command goes on */
    int signo;    /* that ended this program's part, after which the command was killed; 0: none */
};

/* Whether these options fit together, and this program's standard files. CLI_USAGE, with the error printed.
 */
int exec_check(struct cli *cli) MUST_CHECK;

/*
 * Runs the command with these options and --env, prints its output as it comes, and returns its exit code:
 * 128 and the number of the signal that ended it; CLI_FAILED, with the error printed, where Corral failed or
 * refused. Signals are held from here on (interrupt.h); one that ends this program, or a standard output that
 * nobody reads, kills the command with all that descends from it: 128 and the number of that signal. After
 * exec_check.
 */
int exec_run(struct cli *cli, const char *id, int argc, char **argv, struct exec_result *result) MUST_CHECK;

#endif
