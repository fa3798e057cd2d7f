/* The terminal on standard output, if there is one. */
#ifndef CORRAL_CLI_TERM_H
#define CORRAL_CLI_TERM_H

#include <stdbool.h>

bool term_is_there(void);

/* Columns and lines of the terminal. 0: standard output is no terminal, so nothing has to be cut. */
int term_width(void);
int term_height(void);

/* Not with $NO_COLOR (no-color.org), on a terminal without colours, or where there is none. */
bool term_has_colours(void);

#endif
