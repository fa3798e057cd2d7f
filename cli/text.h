/* Text of others on a terminal: what it may not do there, and how much room it takes. */
#ifndef CORRAL_CLI_TEXT_H
#define CORRAL_CLI_TEXT_H

#include <stddef.h>

/* The mark where text was cut; one column wide. */
#define TEXT_CUT "\u2026"

/*
 * The length of a sequence that a terminal would act on instead of showing it: control characters, those of
 * C1 in UTF-8 too, and characters that change the direction of text. 0: none.
 */
size_t text_obeyed(const char *text);

/* Replaces each such sequence in text with '?'. Returns text. */
char *text_show_only(char *text);

/* How many columns of a terminal the text takes: wide characters count twice, marks on others not at all. */
int text_width(const char *text);

/*
 * How many bytes from the beginning of text fit into so many columns, without cutting a character. *width:
 * the columns that they take.
 */
size_t text_fit(const char *text, int columns, int *width);

#endif
