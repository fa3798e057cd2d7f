/* What a shell offers after Tab: verbs, options and values by the table of verbs, names by asking the server.
 */
#ifndef CORRAL_CLI_COMPLETION_H
#define CORRAL_CLI_COMPLETION_H

#include "cli/cli.h"

/* The verb by which the scripts of the shells ask; it is in no help. */
#define COMPLETION_VERB "__complete"

/*
 * Prints what the last of these words, which may be empty, can become: a line each, its whole word, then a
 * tab and a description. The words before it are the command line after "corral". Never prints an error.
 */
int completion_run(struct cli *cli, int argc, char **argv);

#endif
