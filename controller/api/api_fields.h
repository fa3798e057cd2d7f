/* The fields of a body, as a table: one row a field. */
#ifndef CORRAL_CONTROLLER_API_API_FIELDS_H
#define CORRAL_CONTROLLER_API_API_FIELDS_H

#include "common/base/defs.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum field_type { FIELD_TEXT, FIELD_NUMBER, FIELD_TRUTH, FIELD_WORDS, FIELD_MAP, FIELD_OBJECT };

/* A rule for a text. */
struct field_rule {
    const char *pattern;                    /* for the description: a regular expression (ECMA 262) */
    const char *(*wrong)(const char *text); /* returns what is wrong with it; NULL: nothing */
    size_t value_max;                       /* of a map: bytes of a value */
};

/* Rules that more than one resource has. */
extern const struct field_rule field_rule_name;     /* a name that people give */
extern const struct field_rule field_rule_word;     /* letters, digits, '.', '_', '/' and '-' */
extern const struct field_rule field_rule_variable; /* of an environment */
extern const struct field_rule field_rule_time;     /* RFC 3339 */

struct field;

struct field_table {
    const struct field *field;
    size_t count;
};

struct field {
    const char *name;
    enum field_type type;
    json_int_t least, most; /* of a number; of a text, its length; of words and maps, their count */
    const char *choices;    /* of a text, of each word, or in place of a number: words with spaces between */
    const struct field_rule *rule; /* of a text, or of each name in a map */
    bool required, nullable;
    const struct field_table *inner; /* of an object */
};

/* Of choices, words with spaces between: whether text is one of them; and all as an array, the caller's. */
bool choices_have(const char *choices, const char *text);
json_t *choices_json(const char *choices);

#endif
