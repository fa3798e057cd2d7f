#include "controller/api/api_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct api_body no_body = {.optional = true};

#define ERRORS_MAX      32
#define DEPTH_MAX       16
#define VALUE_BYTES_MAX 32767              /* of a word or a variable that a process gets */
#define INTEGER_MAX     9007199254740992.0 /* 2^53: integers up to here are exact in JSON */

/* --- checking --- */

/* RFC 6901: '~' and '/' in a name are written ~0 and ~1. */
static void pointer_add(char *pointer, size_t size, const char *name)
{
    size_t n = strlen(pointer);
    for (n < size - 1 ? (void)(pointer[n++] = '/') : (void)0; *name && n + 3 < size; name++) {
        if (*name == '~' || *name == '/') {
            pointer[n++] = '~';
            pointer[n++] = *name == '~' ? '0' : '1';
        } else {
            pointer[n++] = *name;
        }
    }
    pointer[n] = 0;
}

static void complain(json_t *errors, const char *name, const char *inner, const char *detail)
{
    char pointer[300] = "";
    if (json_array_size(errors) >= ERRORS_MAX)
        return;
    if (name)
        pointer_add(pointer, 200, name);
    if (inner)
        pointer_add(pointer, sizeof pointer, inner);
    json_t *error = json_pack("{s:s,s:s}", "pointer", pointer, "detail", detail);
    if (!error) /* the text was cut in the middle of a character */
        error = json_pack("{s:s,s:s}", "pointer", "", "detail", detail);
    json_array_append_new(errors, error);
}

/* JSON Schema counts characters. The library accepts only valid UTF-8. */
static size_t characters(const json_t *text)
{
    size_t n = 0;
    for (const char *c = json_string_value(text); *c; c++)
        n += ((unsigned char)*c & 0xc0) != 0x80;
    return n;
}

static void check_text(const struct field *f, const json_t *value, json_t *errors)
{
    char detail[160];
    const char *text = json_string_value(value);
    size_t len = characters(value);
    const char *wrong = NULL;
    if (f->choices && !choices_have(f->choices, text)) {
        snprintf(detail, sizeof detail, "must be one of: %s", f->choices);
        wrong = detail;
    } else if (len < (size_t)f->least || len > (size_t)f->most) {
        snprintf(detail, sizeof detail, "must be %lld to %lld characters long", (long long)f->least,
                 (long long)f->most);
        wrong = detail;
    } else if (f->rule) {
        wrong = f->rule->wrong(text);
    }
    if (wrong)
        complain(errors, f->name, NULL, wrong);
}

/* Whether a number is an integer; past INTEGER_MAX every double is one. */
static bool is_whole(const json_t *value)
{
    double n = json_real_value(value);
    return json_is_integer(value) ||
           (json_is_real(value) && (n > INTEGER_MAX || n < -INTEGER_MAX || n == (double)(json_int_t)n));
}

/* Converts numbers such as 134217728.0 and 6e1 to integers, which they are (JSON Schema, section 6.1.1). */
static void integers_of(json_t *object)
{
    const char *name;
    void *next;
    json_t *value;
    json_object_foreach_safe(object, next, name, value)
    {
        double n = json_real_value(value);
        if (json_is_object(value))
            integers_of(value);
        else if (json_is_real(value) && is_whole(value) && n <= INTEGER_MAX && n >= -INTEGER_MAX)
            json_object_set_new(object, name, json_integer((json_int_t)n));
    }
}

static bool is_within(const struct field *f, const json_t *value)
{
    double n = json_number_value(value);
    return n >= (double)f->least && n <= (double)f->most;
}

static void check_number(const struct field *f, const json_t *value, json_t *errors)
{
    char detail[160];
    if (is_within(f, value))
        return;
    snprintf(detail, sizeof detail, "must be %lld to %lld", (long long)f->least, (long long)f->most);
    complain(errors, f->name, NULL, detail);
}

static bool count_is_good(const struct field *f, size_t count, json_t *errors)
{
    char detail[160];
    if (count >= (size_t)f->least && count <= (size_t)f->most)
        return true;
    snprintf(detail, sizeof detail, "must have %lld to %lld entries", (long long)f->least,
             (long long)f->most);
    complain(errors, f->name, NULL, detail);
    return false;
}

static bool stands_before(const json_t *list, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (json_equal(json_array_get(list, i), json_array_get(list, at)))
            return true;
    }
    return false;
}

/*
 * The bytes that the init takes at once (agent/init/init_proto.h), less room for the rest: checked before a
 * sandbox is created.
 */
#define WORDS_BYTES_MAX 65000

static void check_words(const struct field *f, const json_t *value, json_t *errors)
{
    size_t i, bytes = 0;
    json_t *item;
    if (!count_is_good(f, json_array_size(value), errors))
        return;
    json_array_foreach(value, i, item)
    {
        char index[24];
        const char *wrong = NULL;
        bytes += json_string_length(item) + 1;
        snprintf(index, sizeof index, "%zu", i);
        if (!json_is_string(item) || json_string_length(item) > VALUE_BYTES_MAX)
            complain(errors, f->name, index, "must be a string of at most 32767 bytes");
        else if (f->choices && !choices_have(f->choices, json_string_value(item)))
            complain(errors, f->name, index, "is not one of the allowed words");
        else if (f->rule && (wrong = f->rule->wrong(json_string_value(item))))
            complain(errors, f->name, index, wrong);
        else if (f->choices && stands_before(value, i))
            complain(errors, f->name, index, "stands there already");
    }
    if (bytes > WORDS_BYTES_MAX)
        complain(errors, f->name, NULL, "may have at most 65000 bytes, counting one more for each string");
}

static void check_map(const struct field *f, json_t *value, json_t *errors)
{
    const char *name;
    json_t *item;
    if (!count_is_good(f, json_object_size(value), errors))
        return;
    json_object_foreach(value, name, item)
    {
        char detail[64];
        const char *wrong = strlen(name) > 127 ? "has a name longer than 127 bytes" : f->rule->wrong(name);
        if (!wrong && (!json_is_string(item) || characters(item) > f->rule->value_max)) {
            snprintf(detail, sizeof detail, "must be a string of at most %zu characters", f->rule->value_max);
            wrong = detail;
        } else if (!wrong && json_string_length(item) > VALUE_BYTES_MAX) {
            wrong = "must be a string of at most 32767 bytes";
        }
        if (wrong)
            complain(errors, f->name, name, wrong);
    }
}

static const struct field *field_find(const struct field_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (!strcmp(table->field[i].name, name))
            return &table->field[i];
    }
    return NULL;
}

static void check_value(const struct field *f, json_t *value, json_t *errors);

/* Checks a value within an object that is no number: what is wrong with it is told behind the object's name.
 */
static void check_within(const struct field *f, const struct field *in, json_t *item, json_t *errors)
{
    size_t i;
    json_t *error, *found = json_array();
    check_value(in, item, found);
    json_array_foreach(found, i, error)
    {
        char pointer[320];
        snprintf(pointer, sizeof pointer, "/%s%s", f->name,
                 json_string_value(json_object_get(error, "pointer")));
        json_object_set_new(error, "pointer", json_string(pointer));
        if (json_array_size(errors) < ERRORS_MAX)
            json_array_append(errors, error);
    }
    json_decref(found);
}

/* Checks an object whose values are numbers, or null where that is allowed, or lists of words. */
static void check_inner(const struct field *f, json_t *value, json_t *errors)
{
    const char *name;
    json_t *item;
    json_object_foreach(value, name, item)
    {
        char detail[160];
        const struct field *in = field_find(f->inner, name);
        if (!in)
            complain(errors, f->name, name, "is not a known field");
        else if (in->type != FIELD_NUMBER)
            check_within(f, in, item, errors);
        else if (!(in->nullable && json_is_null(item)) && (!is_whole(item) || !is_within(in, item))) {
            snprintf(detail, sizeof detail, "must be an integer from %lld to %lld%s", (long long)in->least,
                     (long long)in->most, in->nullable ? ", or null" : "");
            complain(errors, f->name, name, detail);
        }
    }
    for (size_t i = 0; i < f->inner->count; i++) {
        const struct field *in = &f->inner->field[i];
        if (in->required && !json_object_get(value, in->name))
            complain(errors, f->name, in->name, "is missing");
    }
}

static void check_value(const struct field *f, json_t *value, json_t *errors)
{
    static const struct {
        const char *name;
        json_type type;
    } types[] = {[FIELD_TEXT] = {"must be a string", JSON_STRING},
                 [FIELD_NUMBER] = {"must be an integer", JSON_INTEGER},
                 [FIELD_TRUTH] = {"must be true or false", JSON_TRUE},
                 [FIELD_WORDS] = {"must be a list of strings", JSON_ARRAY},
                 [FIELD_MAP] = {"must be an object of strings", JSON_OBJECT},
                 [FIELD_OBJECT] = {"must be an object", JSON_OBJECT}};
    if (json_is_null(value) && f->nullable)
        return;
    if (f->type == FIELD_NUMBER && f->choices && json_is_string(value)) {
        if (!choices_have(f->choices, json_string_value(value)))
            complain(errors, f->name, NULL, "is not one of the allowed words");
        return;
    }
    bool fits = f->type == FIELD_TRUTH    ? json_is_boolean(value)
                : f->type == FIELD_NUMBER ? is_whole(value)
                                          : json_typeof(value) == types[f->type].type;
    if (!fits) {
        complain(errors, f->name, NULL, types[f->type].name);
        return;
    }
    switch (f->type) {
    case FIELD_TEXT:
        check_text(f, value, errors);
        break;
    case FIELD_NUMBER:
        check_number(f, value, errors);
        break;
    case FIELD_WORDS:
        check_words(f, value, errors);
        break;
    case FIELD_MAP:
        check_map(f, value, errors);
        break;
    case FIELD_OBJECT:
        check_inner(f, value, errors);
        break;
    case FIELD_TRUTH:
        break;
    }
}

static void check_object(const struct field_table *table, json_t *root, json_t *errors)
{
    const char *name;
    json_t *value;
    json_object_foreach(root, name, value)
    {
        const struct field *f = field_find(table, name);
        if (f)
            check_value(f, value, errors);
        else
            complain(errors, name, NULL, "is not a known field");
    }
    for (size_t i = 0; i < table->count; i++) {
        const struct field *f = &table->field[i];
        if (f->required && !json_object_get(root, f->name))
            complain(errors, f->name, NULL, "is missing");
    }
}

/* Refuses deep nesting before parsing: the parser recurses, and no body needs it. */
static bool too_deep(const char *body, size_t len)
{
    bool in_string = false;
    int depth = 0;
    for (size_t i = 0; i < len; i++) {
        if (in_string && body[i] == '\\')
            i++;
        else if (body[i] == '"')
            in_string = !in_string;
        else if (!in_string && (body[i] == '[' || body[i] == '{') && ++depth > DEPTH_MAX)
            return true;
        else if (!in_string && (body[i] == ']' || body[i] == '}'))
            depth--;
    }
    return false;
}

/* Two fields with the same purpose: refused, since neither may be ignored silently. */
static void check_apart(const struct api_body *schema, const json_t *root, json_t *errors)
{
    char detail[160];
    const char *const *apart = schema->apart;
    if (!apart[0] || !json_object_get(root, apart[0]) || !json_object_get(root, apart[1]))
        return;
    snprintf(detail, sizeof detail, "cannot be given together with %s", apart[0]);
    complain(errors, apart[1], NULL, detail);
}

/* Own sentences for some errors: the library's, about a NUL, names one of its flags. */
static int malformed(const json_error_t *where, struct err *e)
{
    bool nul = json_error_code(where) == json_error_null_character;
    return err_set(e, ERR_MALFORMED_JSON, "line %d, column %d: %s", where->line, where->column,
                   nul ? "a string must not contain \\u0000" : where->text);
}

int api_schema_check(const struct api_body *schema, const char *body, size_t len, json_t **out,
                     json_t **errors, struct err *e)
{
    json_error_t where;
    *out = *errors = NULL;
    if (too_deep(body, len))
        return err_set(e, ERR_MALFORMED_JSON, "the body is nested deeper than %d levels", DEPTH_MAX);
    json_t *root = json_loadb(body, len, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &where);
    if (!root && json_error_code(&where) == json_error_numeric_overflow) {
        *errors = json_array();
        complain(*errors, NULL, NULL, "contains a number that is too large");
        return err_set(e, ERR_INVALID, "line %d, column %d: the number is too large", where.line,
                       where.column);
    }
    if (!root)
        return malformed(&where, e);
    *errors = json_array();
    if (json_is_object(root)) {
        integers_of(root);
        check_object(&schema->fields, root, *errors);
        check_apart(schema, root, *errors);
    } else {
        complain(*errors, NULL, NULL, "must be an object");
    }
    if (json_array_size(*errors)) {
        json_decref(root);
        return err_set(e, ERR_INVALID, "the body does not validate; errors says where");
    }
    json_decref(*errors);
    *errors = NULL;
    *out = root;
    return 0;
}

/* --- describing --- */

static json_t *describe_text(const struct field *f)
{
    json_t *out = json_pack("{s:s}", "type", "string");
    if (f->choices)
        json_object_set_new(out, "enum", choices_json(f->choices));
    else if (f->type == FIELD_TEXT)
        json_object_update_new(out, json_pack("{s:I,s:I}", "minLength", f->least, "maxLength", f->most));
    if (f->rule)
        json_object_set_new(out, "pattern", json_string(f->rule->pattern));
    return out;
}

static json_t *describe_number(const struct field *f)
{
    json_t *out = json_pack("{s:s,s:I,s:I}", "type", "integer", "minimum", f->least, "maximum", f->most);
    return f->choices ? json_pack("{s:[o,{s:s,s:o}]}", "anyOf", out, "type", "string", "enum",
                                  choices_json(f->choices))
                      : out;
}

static json_t *describe_table(const struct field_table *table);

static json_t *describe_field(const struct field *f)
{
    switch (f->type) {
    case FIELD_TEXT:
        return describe_text(f);
    case FIELD_NUMBER:
        return describe_number(f);
    case FIELD_TRUTH:
        return json_pack("{s:s}", "type", "boolean");
    case FIELD_WORDS:
        return json_pack("{s:s,s:I,s:I,s:b,s:o}", "type", "array", "minItems", f->least, "maxItems", f->most,
                         "uniqueItems", f->choices != NULL, "items", describe_text(f));
    case FIELD_MAP:
        return json_pack("{s:s,s:I,s:{s:s},s:{s:s,s:I}}", "type", "object", "maxProperties", f->most,
                         "propertyNames", "pattern", f->rule->pattern, "additionalProperties", "type",
                         "string", "maxLength", (json_int_t)f->rule->value_max);
    case FIELD_OBJECT:
        break;
    }
    return describe_table(f->inner);
}

static json_t *describe_table(const struct field_table *table)
{
    json_t *properties = json_object(), *required = json_array();
    for (size_t i = 0; i < table->count; i++) {
        const struct field *f = &table->field[i];
        json_t *one = describe_field(f);
        if (f->nullable)
            json_object_set_new(one, "type", json_pack("[O,s]", json_object_get(one, "type"), "null"));
        json_object_set_new(properties, f->name, one);
        if (f->required)
            json_array_append_new(required, json_string(f->name));
    }
    json_t *out =
        json_pack("{s:s,s:b,s:o}", "type", "object", "additionalProperties", 0, "properties", properties);
    if (json_array_size(required))
        json_object_set(out, "required", required);
    json_decref(required);
    return out;
}

json_t *api_schema_describe(const struct api_body *schema)
{
    json_t *out = describe_table(&schema->fields);
    if (schema->apart[0])
        json_object_set_new(out, "not",
                            json_pack("{s:[s,s]}", "required", schema->apart[0], schema->apart[1]));
    return out;
}
