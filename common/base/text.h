/*
 * A text that grows, or that fills a buffer of the caller's whose size is known to be enough. Starts all
 * zero. Once anything was added, data ends with a NUL. Pure.
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

/* A text that fills out and never grows: more than fits is a bug, and aborts. Needs no text_fini. */
struct text text_in(char *out, size_t size);

/* Frees data; the text is empty again. */
void text_fini(struct text *text);

void text_add(struct text *text, const char *s);
void text_add_bytes(struct text *text, const char *s, size_t len);

/* Appends at most 255 characters per call. */
void text_fmt(struct text *text, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
