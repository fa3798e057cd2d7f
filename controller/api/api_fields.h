/* The fields of the bodies, as tables: one row a field. Private to the API. */
#ifndef CORRAL_CONTROLLER_API_API_FIELDS_H
#define CORRAL_CONTROLLER_API_API_FIELDS_H

#include "controller/api/api_schema.h"

#include <stdbool.h>
#include <stddef.h>

enum field_type { FIELD_TEXT, FIELD_NUMBER, FIELD_TRUTH, FIELD_WORDS, FIELD_MAP, FIELD_OBJECT };

/* A rule for a text. */
struct field_rule {
    const char *pattern;                    /* for the description: a regular expression (ECMA 262) */
    const char *(*wrong)(const char *text); /* returns what is wrong with it; NULL: nothing */
    size_t value_max;                       /* of a map: bytes of a value */
};

struct field_table;

struct field {
    const char *name;
    enum field_type type;
    json_int_t least, most;        /* of a number; of a text, its length; of words and maps, their count */
    const char *choices;           /* of a text, or of each word: words with spaces between */
    const struct field_rule *rule; /* of a text, or of each name in a map */
    bool required, nullable;
    const struct field_table *inner; /* of an object */
};

struct field_table {
    const struct field *field;
    size_t count;
};

extern const struct field_table field_tables[SCHEMA_COUNT];

/* Of choices, words with spaces between: whether text is one of them; and all as an array, the caller's. */
bool choices_have(const char *choices, const char *text);
json_t *choices_json(const char *choices);

#endif
