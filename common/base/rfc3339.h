/* Times as people and the API read and write them: RFC 3339. Times are written in UTC with milliseconds.
 * Pure. */
#ifndef CORRAL_COMMON_BASE_RFC3339_H
#define CORRAL_COMMON_BASE_RFC3339_H

#include <stdbool.h>
#include <stdint.h>

#define RFC3339_LEN 24 /* "2026-01-02T03:04:05.678Z" */

/* Writes the time of these Unix milliseconds (up to year 9999) and a NUL. */
void rfc3339_format(uint64_t unix_ms, char out[static RFC3339_LEN + 1]);

/* Accepts exactly the form that rfc3339_format writes. */
bool rfc3339_parse(const char *text, uint64_t *unix_ms);

/*
 * Whether text is a time by RFC 3339, of a day that exists: "2026-01-02T03:04:05", optionally a fraction of
 * up to 9 digits, and "Z" or an offset. Capital letters only.
 */
bool rfc3339_valid(const char *text);

/* Reads such a time, from 1970 on; *unix_ns: Unix nanoseconds, of what is later than 2262 INT64_MAX. */
bool rfc3339_read(const char *text, uint64_t *unix_ns);

#endif
