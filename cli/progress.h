/* How far a transfer is, on a line of the terminal on standard error; nothing where there is none, or with
 * -q. */
#ifndef CORRAL_CLI_PROGRESS_H
#define CORRAL_CLI_PROGRESS_H

#include "cli/cli.h"

#include <stdint.h>

struct progress {
    bool shown;
    int64_t whole; /* bytes; -1: not known */
    uint64_t done, began_ms, told_ms;
};

void progress_begin(struct progress *progress, const struct cli *cli, int64_t whole);

/* So many bytes more. Prints ten times a second at most. */
void progress_add(struct progress *progress, uint64_t bytes);

/* Removes the line; call before anything else is printed. */
void progress_end(struct progress *progress);

#endif
