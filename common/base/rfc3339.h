/* Times as people and the API read and write them: RFC 3339; what is written is UTC, with milliseconds. Pure.
 */
#ifndef CORRAL_COMMON_RFC3339_H
#define CORRAL_COMMON_RFC3339_H

#include <stdbool.h>
#include <stdint.h>

#define RFC3339_LEN 24 /* "2026-01-02T03:04:05.678Z" */

/* Writes the time of these Unix milliseconds (years up to 9999) and a NUL. */
void rfc3339_format(uint64_t unix_ms, char out[static RFC3339_LEN + 1]);

/* Takes what rfc3339_format writes, and no other form. */
bool rfc3339_parse(const char *text, uint64_t *unix_ms);

/*
 * Whether it is a time as RFC 3339 says, of a day that there is: "2026-01-02T03:04:05", up to 9 digits of a
 * second's fraction, and "Z" or an offset. Capital letters only.
 */
bool rfc3339_valid(const char *text);

#endif
