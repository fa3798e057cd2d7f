/* What a sandbox must not be able to do: tries each for real, and prints the kernel's answer. */
#ifndef CORRAL_TESTS_CHAOS_ESCAPES_H
#define CORRAL_TESTS_CHAOS_ESCAPES_H

#include <stdio.h>

/* Prints a line for each, "NAME ERRNO" or "NAME done"; the last line is "end". */
void escapes_try(FILE *out);

#endif
