/*
 * API keys: "crl_", then 12 public characters that find the key's row, then 40 secret characters (200 random
 * bits), all in Crockford's base 32, lower case. Only the SHA-256 of the whole text is stored; a random
 * secret of this size needs no password hash.
 */
#ifndef CORRAL_COMMON_IO_API_KEY_H
#define CORRAL_COMMON_IO_API_KEY_H

#include "common/base/defs.h"

#include <stdbool.h>
#include <stdint.h>

#define API_KEY_PREFIX_LEN 16
#define API_KEY_LEN        56

struct api_key {
    char text[API_KEY_LEN + 1];
};

/* Makes a key from the system's randomness. Aborts if there is none. */
struct api_key api_key_make(void);

/* Returns true and copies the prefix into out if text has the form of a key. */
bool api_key_prefix(const char *text, char out[static API_KEY_PREFIX_LEN + 1]);

/* The SHA-256 of the whole text. */
void api_key_sha256(const char *text, uint8_t out[static 32]);

/* Whether two hashes are the same, in constant time. */
bool api_key_same(const uint8_t a[static 32], const uint8_t b[static 32]);

#endif
