#include "common/base/text.h"

#include "common/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text text_in(char *out, size_t size)
{
    out[0] = '\0';
    return (struct text){.data = out, .cap = size, .fixed = true};
}

void text_fini(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

static void reserve(struct text *text, size_t more)
{
    if (text->len + more + 1 <= text->cap)
        return;
    if (text->fixed)
        abort();
    text->cap = (text->len + more + 1) * 2;
    text->data = mem_grow(text->data, text->cap, 1);
}

void text_add_bytes(struct text *text, const char *s, size_t len)
{
    reserve(text, len);
    memcpy(text->data + text->len, s, len);
    text->len += len;
    text->data[text->len] = '\0';
}

void text_add(struct text *text, const char *s)
{
    text_add_bytes(text, s, strlen(s));
}

void text_fmt(struct text *text, const char *fmt, ...)
{
    char line[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    text_add(text, line);
}
