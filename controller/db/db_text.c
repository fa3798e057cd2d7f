#include "controller/db/db_text.h"

#include "common/base/mem.h"
#include "common/base/utf8.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reserve(struct db_text *text, size_t more)
{
    if (text->len + more + 1 <= text->cap)
        return;
    text->cap = (text->len + more + 1) * 2;
    text->data = mem_grow(text->data, text->cap, 1);
}

static void add_bytes(struct db_text *text, const char *s, size_t len)
{
    reserve(text, len);
    memcpy(text->data + text->len, s, len);
    text->len += len;
    text->data[text->len] = '\0';
}

void db_text_fini(struct db_text *text)
{
    free(text->data);
    *text = (struct db_text){0};
}

void db_text_add(struct db_text *text, const char *s)
{
    add_bytes(text, s, strlen(s));
}

void db_text_fmt(struct db_text *text, const char *fmt, ...)
{
    char line[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    db_text_add(text, line);
}

void db_text_comma(struct db_text *text)
{
    if (text->len && !strchr("{[,", text->data[text->len - 1]))
        db_text_add(text, ",");
}

static void member(struct db_text *text, const char *name)
{
    db_text_comma(text);
    db_text_fmt(text, "\"%s\":", name);
}

static void add_string(struct db_text *text, const char *value)
{
    db_text_add(text, "\"");
    for (const char *s = value; *s;) {
        size_t len = utf8_len(s);
        if (*s == '"' || *s == '\\')
            db_text_fmt(text, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            db_text_fmt(text, "\\u%04x", (unsigned char)*s);
        else if (len == 0)
            db_text_add(text, "\\ufffd");
        else
            add_bytes(text, s, len);
        s += len ? len : 1;
    }
    db_text_add(text, "\"");
}

void db_text_str(struct db_text *text, const char *name, const char *value)
{
    if (!value)
        return;
    member(text, name);
    add_string(text, value);
}

void db_text_num(struct db_text *text, const char *name, uint64_t value)
{
    member(text, name);
    db_text_fmt(text, "%" PRIu64, value);
}

void db_text_bool(struct db_text *text, const char *name, bool value)
{
    db_text_json(text, name, value ? "true" : "false");
}

void db_text_json(struct db_text *text, const char *name, const char *json)
{
    if (!json)
        return;
    member(text, name);
    db_text_add(text, json);
}

void db_text_hex(struct db_text *text, const char *name, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    member(text, name);
    reserve(text, 2 * len + 2);
    text->data[text->len++] = '"';
    for (size_t i = 0; i < len; i++) {
        text->data[text->len++] = digits[bytes[i] >> 4];
        text->data[text->len++] = digits[bytes[i] & 15];
    }
    text->data[text->len] = '\0';
    db_text_add(text, "\"");
}
