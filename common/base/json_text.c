#include "common/base/json_text.h"

#include "common/base/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void json_text_fini(struct json_text *json)
{
    text_fini(&json->text);
    *json = (struct json_text){0};
}

static void add_escape(struct text *text, char c)
{
    static const char digits[] = "0123456789abcdef";
    char escape[6] = {'\\', 'u', '0', '0', digits[(unsigned char)c >> 4], digits[c & 15]};
    if (c == '"' || c == '\\') {
        escape[1] = c;
        text_add_bytes(text, escape, 2);
    } else {
        text_add_bytes(text, escape, sizeof escape);
    }
}

/* What needs no escape is added in one piece. A NUL follows the bytes. */
static void add_bytes(struct text *text, const char *s, size_t len)
{
    const char *end = s + len, *run = s;
    text_add(text, "\"");
    while (s < end) {
        size_t n = (unsigned char)*s < 0x80 ? 1 : utf8_len(s);
        if (n && (unsigned char)*s >= 0x20 && *s != '"' && *s != '\\') {
            s += n;
            continue;
        }
        text_add_bytes(text, run, (size_t)(s - run));
        if (n)
            add_escape(text, *s);
        else
            text_add(text, "\\ufffd");
        run = ++s;
    }
    text_add_bytes(text, run, (size_t)(end - run));
    text_add(text, "\"");
}

static void add_string(struct text *text, const char *value)
{
    add_bytes(text, value, strlen(value));
}

/* Writes what precedes a value: a comma, and the member's name. */
static void begin(struct json_text *json, const char *name)
{
    if (json->more)
        text_add(&json->text, ",");
    json->more = true;
    if (!name)
        return;
    add_string(&json->text, name);
    text_add(&json->text, ":");
}

static void open_one(struct json_text *json, const char *name, const char *first, char last)
{
    if (json->depth == JSON_TEXT_DEPTH_MAX)
        abort();
    begin(json, name);
    text_add(&json->text, first);
    json->end[json->depth++] = last;
    json->more = false;
}

void json_text_object(struct json_text *json, const char *name)
{
    open_one(json, name, "{", '}');
}

void json_text_array(struct json_text *json, const char *name)
{
    open_one(json, name, "[", ']');
}

void json_text_end(struct json_text *json)
{
    if (json->depth == 0)
        abort();
    text_add_bytes(&json->text, &json->end[--json->depth], 1);
    json->more = true;
}

void json_text_str(struct json_text *json, const char *name, const char *value)
{
    if (!value)
        return;
    begin(json, name);
    add_string(&json->text, value);
}

void json_text_bytes(struct json_text *json, const char *name, const char *bytes, size_t len)
{
    begin(json, name);
    add_bytes(&json->text, bytes, len);
}

void json_text_num(struct json_text *json, const char *name, uint64_t value)
{
    begin(json, name);
    text_fmt(&json->text, "%" PRIu64, value);
}

void json_text_int(struct json_text *json, const char *name, int64_t value)
{
    begin(json, name);
    text_fmt(&json->text, "%" PRId64, value);
}

void json_text_real(struct json_text *json, const char *name, double value, unsigned decimals)
{
    begin(json, name);
    text_fmt(&json->text, "%.*f", (int)decimals, value);
}

void json_text_bool(struct json_text *json, const char *name, bool value)
{
    json_text_raw(json, name, value ? "true" : "false");
}

void json_text_null(struct json_text *json, const char *name)
{
    json_text_raw(json, name, "null");
}

void json_text_hex(struct json_text *json, const char *name, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    begin(json, name);
    text_add(&json->text, "\"");
    for (size_t i = 0; i < len; i++) {
        char pair[2] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
        text_add_bytes(&json->text, pair, 2);
    }
    text_add(&json->text, "\"");
}

void json_text_raw(struct json_text *json, const char *name, const char *value)
{
    if (!value)
        return;
    begin(json, name);
    text_add(&json->text, value);
}

void json_text_members(struct json_text *json, const char *object)
{
    const char *first = object + strspn(object, " \t\r\n"), *last = strrchr(object, '}');
    if (*first != '{' || !last)
        abort();
    first += 1 + strspn(first + 1, " \t\r\n");
    if (first == last)
        return;
    begin(json, NULL);
    text_add_bytes(&json->text, first, (size_t)(last - first));
}
