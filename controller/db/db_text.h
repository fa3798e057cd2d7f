/* A growing text, and JSON objects written into it: how this folder builds parameters. Private to it. */
#ifndef CORRAL_CONTROLLER_DB_TEXT_H
#define CORRAL_CONTROLLER_DB_TEXT_H

#include "common/base/defs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Starts all zero; data is NUL-ended once anything was added. */
struct db_text {
    char *data;
    size_t len, cap;
};

void db_text_fini(struct db_text *text);
void db_text_add(struct db_text *text, const char *s);
void db_text_fmt(struct db_text *text, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * Members of the object that is being written; each puts its comma. A NULL value leaves the member out. Bytes
 * that are not UTF-8 become U+FFFD, so that one bad string cannot fail a whole batch.
 */
void db_text_str(struct db_text *text, const char *name, const char *value);
void db_text_num(struct db_text *text, const char *name, uint64_t value);
void db_text_bool(struct db_text *text, const char *name, bool value);
void db_text_json(struct db_text *text, const char *name, const char *json);
void db_text_hex(struct db_text *text, const char *name, const uint8_t *bytes, size_t len);

/* A comma, where something stands before it in this object or array. */
void db_text_comma(struct db_text *text);

#endif
