/* Times as people and the API read them: RFC 3339, UTC, with milliseconds. Pure. */
#ifndef CORRAL_COMMON_RFC3339_H
#define CORRAL_COMMON_RFC3339_H

#include <stdbool.h>
#include <stdint.h>

#define RFC3339_LEN 24 /* "2026-01-02T03:04:05.678Z" */

/* Writes the time of these Unix milliseconds (years up to 9999) and a NUL. */
void rfc3339_format(uint64_t unix_ms, char out[static RFC3339_LEN + 1]);

/* Takes what rfc3339_format writes, and no other form. */
bool rfc3339_parse(const char *text, uint64_t *unix_ms);

#endif
