/* Follows a stream of Server-Sent Events for as long as the program runs: where the connection breaks, or the
 * server ends it, it comes back after the last event that it has. */
#ifndef CORRAL_CLI_FOLLOW_H
#define CORRAL_CLI_FOLLOW_H

#include "cli/cli.h"
#include "cli/sse_reader.h"

/* Calls cb with the data of each event. Returns only where that is of no use: what the server refuses for
 * good, or that it was never reached; the error was printed. */
int follow(struct cli *cli, const char *path, sse_event_cb *cb, void *arg) MUST_CHECK;

#endif
