/* What a sandbox must not be able to do: each is tried for real, and the kernel's answer printed. */
#ifndef CORRAL_TESTS_CHAOS_ESCAPES_H
#define CORRAL_TESTS_CHAOS_ESCAPES_H

#include <stdio.h>

/* A line for each, "NAME ERRNO" or "NAME done"; the last line is "end". */
void escapes_try(FILE *out);

#endif
