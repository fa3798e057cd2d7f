/* UTF-8 (RFC 3629): checks bytes and counts characters. Pure. */
#ifndef CORRAL_COMMON_BASE_UTF8_H
#define CORRAL_COMMON_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The length of the well-formed character at text, which ends with a NUL; 0 if there is none. */
size_t utf8_len(const char *text);

bool utf8_valid(const char *text);

/* Counts the characters of text that is valid. */
size_t utf8_count(const char *text);

#endif
