/* Pools that the kernel shares among all processes: takes as much of each as it can and keeps it, or one of
 * each. */
#ifndef CORRAL_TESTS_CHAOS_POOLS_H
#define CORRAL_TESTS_CHAOS_POOLS_H

#include <stdbool.h>

/* Prints "NAME COUNT ERROR" for each (ERROR: why no more could be had, or OK), then "end". */
void take_pools(bool one_of_each);

#endif
