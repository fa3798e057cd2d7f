/* How a session ends, as the server tells it: channel 3, and the codes of a close (docs/terminals.md). Pure.
 */
#ifndef CORRAL_CLI_SESSION_END_H
#define CORRAL_CLI_SESSION_END_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads the message of channel 3. The exit code, or 128 and the signal; negative where it tells neither. *why
 * is the caller's: a sentence to print, NULL where the process ended by itself.
 */
int session_end_read(const uint8_t *bytes, size_t len, char **why);

/* Whether a client comes back after a close with this code. */
bool session_end_comes_back(unsigned code);

/* A sentence on any other close; static. */
const char *session_end_why(unsigned code);

#endif
