/* UTF-8 (RFC 3629): checks bytes and counts characters. Pure. */
#ifndef CORRAL_COMMON_BASE_UTF8_H
#define CORRAL_COMMON_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The length of the well-formed character at text, which ends with a NUL; 0 if there is none. */
size_t utf8_len(const char *text);

bool utf8_valid(const char *text);

/* Whether the bytes are well formed, as a whole; NULs are allowed, and one follows the bytes. */
bool utf8_valid_bytes(const char *bytes, size_t len);

/* The length without a character at the end that is cut. */
size_t utf8_whole(const char *bytes, size_t len);

/* Counts the characters of text that is valid. */
size_t utf8_count(const char *text);

#endif
