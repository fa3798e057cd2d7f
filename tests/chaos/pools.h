/* Pools that the kernel has for all: takes of each as much as it can and keeps it, or one of each. */
#ifndef CORRAL_TESTS_POOLS_H
#define CORRAL_TESTS_POOLS_H

#include <stdbool.h>

/* Prints "NAME COUNT ERROR" of each (ERROR: why no more could be had, or OK), then "end". */
void take_pools(bool one_of_each);

#endif
