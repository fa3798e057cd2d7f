/*
 * Sandbox ids: "sbx_" and 26 characters of Crockford's base 32, as ULID defines them
 * (https://github.com/ulid/spec): 48 bits of Unix milliseconds, then 80 random bits, so that ids sort by
 * time. The text form is the identity; it is validated once, where it enters the program.
 */
#ifndef CORRAL_COMMON_BASE_ID_H
#define CORRAL_COMMON_BASE_ID_H

#include "common/base/defs.h"

#include <stdbool.h>
#include <stdint.h>

#define ULID_ALPHABET  "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#define ULID_LEN       26
#define SANDBOX_ID_LEN (4 + ULID_LEN)

struct sandbox_id {
    char text[SANDBOX_ID_LEN + 1];
};

/* Writes 26 characters and a NUL. at_ms: Unix milliseconds; random: 10 bytes. */
void ulid_format(char out[static ULID_LEN + 1], uint64_t at_ms, const uint8_t random[static 10]);

/* Whether text is exactly one canonical ULID (upper case, no look-alike letters). */
bool ulid_valid(const char *text);

/* Makes an id from a time and 10 random bytes. Pure: the same input gives the same id. */
struct sandbox_id sandbox_id_make(uint64_t at_ms, const uint8_t random[static 10]);

/* Returns true and fills *out if text is exactly one canonical id (upper case, no look-alike letters). */
bool sandbox_id_parse(const char *text, struct sandbox_id *out);

#endif
