/*
 * Running one command in a sandbox, connected to the standard files of this program. How its bytes travel is
 * this file's matter alone: today one request that answers at the end. exec_tty.h is for a terminal.
 */
#ifndef CORRAL_CLI_EXEC_H
#define CORRAL_CLI_EXEC_H

#include "cli/cli.h"

/* Options of the verbs that run a command. env is in create_options, too. */
#define EXEC_OPTIONS                                                                                         \
    {"interactive",                                                                                          \
     'i',                                                                                                    \
     OPT_FLAG,                                                                                               \
     NULL,                                                                                                   \
     NULL,                                                                                                   \
     "Send standard input to the command, to its end; also without this where it is a file or a pipe with "  \
     "data."},                                                                                               \
        {"workdir", 'w', OPT_TEXT, "DIR", NULL, "Working directory of the command."},                        \
    {                                                                                                        \
        "timeout", 0, OPT_SECONDS, "TIME", NULL, "Kill the command after this time."                         \
    }

/*
 * Runs the command with these options and --env, prints its output, and returns its exit code: 128 and the
 * number of the signal that ended it; CLI_FAILED, with the error printed, where Corral failed or refused.
 * *refused: the server refused, perhaps because the sandbox is no longer there.
 */
int exec_run(struct cli *cli, const char *id, int argc, char **argv, bool *refused) MUST_CHECK;

#endif
