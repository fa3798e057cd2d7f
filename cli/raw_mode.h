/*
 * Raw mode of the terminal on standard input: each key goes to the program inside. The modes of before come
 * back however this program ends, but for a SIGKILL.
 */
#ifndef CORRAL_CLI_RAW_MODE_H
#define CORRAL_CLI_RAW_MODE_H

#include <stdbool.h>
#include <stdint.h>

/* Whether standard input is a terminal. */
bool raw_mode_can(void);

/*
 * Sets raw mode. Modes that are restored are those of the first call: after a stop, those of now may be our
 * own. Does nothing where standard input is no terminal.
 */
void raw_mode_begin(void);

/* Restores the modes, if they are changed. Safe in a signal handler. */
void raw_mode_end(void);

bool raw_mode_is_on(void);

/* The size of the terminal on standard input or output; 24 × 80 where it is not known. */
void raw_mode_size(uint16_t *rows, uint16_t *columns);

#endif
