/*
 * A text that grows, or that fills a buffer of its caller's whose size is known to be enough. Starts all
 * zero; data ends with a NUL once anything was added. Pure.
 */
#ifndef CORRAL_COMMON_BASE_TEXT_H
#define CORRAL_COMMON_BASE_TEXT_H

#include "common/base/defs.h"

#include <stdbool.h>
#include <stddef.h>

struct text {
    char *data;
    size_t len, cap;
    bool fixed; /* data is the caller's */
};

/* Fills out and never grows: more than fits is a bug, and aborts. Without text_fini. */
struct text text_in(char *out, size_t size);

/* Frees data, and begins again. */
void text_fini(struct text *text);

void text_add(struct text *text, const char *s);
void text_add_bytes(struct text *text, const char *s, size_t len);

/* At most 255 characters at a time. */
void text_fmt(struct text *text, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
