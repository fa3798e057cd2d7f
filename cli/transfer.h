/*
 * A request whose body, or whose answer, is too large to be kept: the caller gives the one, or takes the
 * other, in pieces. Requests of client.c are for everything else.
 */
#ifndef CORRAL_CLI_TRANSFER_H
#define CORRAL_CLI_TRANSFER_H

#include "cli/cli.h"

#include <stdint.h>

struct transfer;

#define TRANSFER_END   0
#define TRANSFER_ERROR (-1)

/* Fills bytes with the next ones of the body, at most len; TRANSFER_END: there are no more; TRANSFER_ERROR:
 * they cannot be had, and an error was printed. */
typedef int64_t transfer_source_fn(void *arg, void *bytes, size_t len);

/* Asks for it, and waits until the answer begins. *out is set if it is a success; otherwise returns the exit
 * code, with the error printed on stderr. */
int transfer_get(struct cli *cli, const char *path, struct transfer **out) MUST_CHECK;

/* The next bytes of the answer, valid until the next call; TRANSFER_END: all have come; TRANSFER_ERROR: it
 * broke off, or cannot be received. */
int64_t transfer_read(struct transfer *transfer, const void **bytes);

/* A header of the answer; NULL where there is none. */
const char *transfer_header(struct transfer *transfer, const char *name);

/* The length of the answer; -1: not known. */
int64_t transfer_length(const struct transfer *transfer);

/* Ends it. CLI_DONE if all of it came; else the exit code, with the error printed on stderr. */
int transfer_end(struct cli *cli, struct transfer *transfer) MUST_CHECK;

/* PUTs a body of this length (-1: not known). Exit codes as cli_call. */
int transfer_put(struct cli *cli, const char *path, int64_t length, transfer_source_fn *source,
                 void *arg) MUST_CHECK;

/* What is at a path in a sandbox, by a HEAD: "file", "directory", or "" for nothing that the server tells of;
 * then the next request says why. */
int transfer_look(struct cli *cli, const char *path, char type[static 16]) MUST_CHECK;

#endif
