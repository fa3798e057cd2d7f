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

static void add_string(struct text *text, const char *value)
{
    text_add(text, "\"");
    for (const char *s = value; *s;) {
        size_t len = utf8_len(s);
        if (*s == '"' || *s == '\\')
            text_fmt(text, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            text_fmt(text, "\\u%04x", (unsigned char)*s);
        else if (len == 0)
            text_add(text, "\\ufffd");
        else
            text_add_bytes(text, s, len);
        s += len ? len : 1;
    }
    text_add(text, "\"");
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
