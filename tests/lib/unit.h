/* What every unit test needs: cmocka, and the headers that it requires before it. */
#ifndef CORRAL_TESTS_LIB_UNIT_H
#define CORRAL_TESTS_LIB_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#endif
