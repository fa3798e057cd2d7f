/* What each fuzz target offers to libFuzzer or to replay.c. It may not crash, leak or hang on any input. */
#ifndef CORRAL_TESTS_FUZZ_TARGET_H
#define CORRAL_TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#endif
