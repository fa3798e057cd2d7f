/* A clock for what is waited for: nobody sets it, and it stands still while the machine is suspended. */
#ifndef CORRAL_CLI_STEADY_H
#define CORRAL_CLI_STEADY_H

#include <stdint.h>

uint64_t steady_ms(void);

#endif
