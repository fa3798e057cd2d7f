#include "controller/api/api_fields.h"

#include "common/base/plain_name.h"
#include "common/base/rfc3339.h"

#include <ctype.h>
#include <string.h>

static const char *a_time(const char *text)
{
    return rfc3339_valid(text) ? NULL : "must be a time such as 2026-01-02T03:04:05Z";
}

static const char *word(const char *text)
{
    bool good = isalnum((unsigned char)text[0]) &&
                !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-")];
    return good
               ? NULL
               : "must begin with a letter or digit, and contain only letters, digits, '.', '_', '/' and '-'";
}

static const char *variable(const char *text)
{
    bool good = (isalpha((unsigned char)text[0]) || text[0] == '_') &&
                !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")];
    return good ? NULL : "must be the name of a variable: letters, digits and '_', no digit first";
}

const struct field_rule field_rule_name = {PLAIN_NAME_PATTERN, plain_name_wrong, 0};
const struct field_rule field_rule_time = {
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$",
    a_time, 0};
const struct field_rule field_rule_word = {"^[A-Za-z0-9][A-Za-z0-9._/-]*$", word, 255};
const struct field_rule field_rule_variable = {"^[A-Za-z_][A-Za-z0-9_]*$", variable, 32767};

bool choices_have(const char *choices, const char *text)
{
    size_t n = strlen(text);
    for (const char *c = choices; *c; c += strcspn(c, " "), c += strspn(c, " ")) {
        if (n && strcspn(c, " ") == n && !strncmp(c, text, n))
            return true;
    }
    return false;
}

json_t *choices_json(const char *choices)
{
    json_t *out = json_array();
    for (const char *c = choices; *c; c += strcspn(c, " "), c += strspn(c, " "))
        json_array_append_new(out, json_stringn(c, strcspn(c, " ")));
    return out;
}
