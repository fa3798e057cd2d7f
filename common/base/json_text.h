/*
 * Writes JSON (RFC 8259) value by value, without building a tree first. All JSON that jansson does not make
 * is written here. The writer puts the commas and escapes names and strings, so its output is well formed
 * whatever the strings hold; bytes that are not UTF-8 become U+FFFD. Pure.
 *
 * The parameter name is the name of a member of the innermost open object. NULL stands for an element of an
 * array, or for the value that is the whole text.
 */
#ifndef CORRAL_COMMON_BASE_JSON_TEXT_H
#define CORRAL_COMMON_BASE_JSON_TEXT_H

#include "common/base/text.h"

#include <stdint.h>

#define JSON_TEXT_DEPTH_MAX 16 /* objects and arrays that are open at once; more is a bug, and aborts */

/* Starts all zero, or with text = text_in(…). The result is text.data. */
struct json_text {
    struct text text;
    char end[JSON_TEXT_DEPTH_MAX]; /* closing characters of what is open, innermost last */
    unsigned depth;
    bool more; /* the next value needs a comma before it */
};

void json_text_fini(struct json_text *json);

void json_text_object(struct json_text *json, const char *name);
void json_text_array(struct json_text *json, const char *name);
/* Closes the innermost object or array. Calling it with none open is a bug. */
void json_text_end(struct json_text *json);

/* A value of NULL leaves the member out. */
void json_text_str(struct json_text *json, const char *name, const char *value);
/* A string of len bytes, which may hold NULs; one follows them. */
void json_text_bytes(struct json_text *json, const char *name, const char *bytes, size_t len);
void json_text_num(struct json_text *json, const char *name, uint64_t value);
void json_text_int(struct json_text *json, const char *name, int64_t value);
void json_text_real(struct json_text *json, const char *name, double value, unsigned decimals); /* finite */
void json_text_bool(struct json_text *json, const char *name, bool value);
void json_text_null(struct json_text *json, const char *name);
void json_text_hex(struct json_text *json, const char *name, const uint8_t *bytes, size_t len);

/* A value that is already JSON and is written unchanged; NULL leaves the member out. */
void json_text_raw(struct json_text *json, const char *name, const char *value);

/* Adds the members of an object that is already JSON, unchanged. Anything but an object is a bug, and
 * aborts. */
void json_text_members(struct json_text *json, const char *object);

#endif
