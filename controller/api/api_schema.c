#include "controller/api/api_schema.h"

#include "common/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERRORS_MAX 32
#define DEPTH_MAX  16

enum type { TEXT, NUMBER, TRUTH, WORDS, MAP, OBJECT };

typedef const char *rule_fn(const char *text); /* what is wrong with it; NULL: nothing */

struct field {
    const char *name;
    enum type type;
    json_int_t least, most; /* of a number; of a text, its length; of words and maps, their count */
    const char *choices;    /* of a text: words with spaces between */
    rule_fn *rule;          /* of a text, or of each word, key and value */
    bool required, nullable;
};

/* --- rules on texts --- */

static const char *no_control(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c < ' ' || *c == 0x7f)
            return "may not hold control characters";
    }
    return NULL;
}

/* What a reference of an image may be (distribution/reference): no spaces, no shell characters. */
static const char *image(const char *text)
{
    if (!isalnum((unsigned char)text[0]) ||
        text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@")])
        return "must be the name of an image, such as corral-base:latest";
    return strstr(text, "..") || strstr(text, "//")
               ? "must be the name of an image, such as corral-base:latest"
               : NULL;
}

static const char *word(const char *text)
{
    bool good = isalnum((unsigned char)text[0]) &&
                !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-")];
    return good ? NULL : "must begin with a letter or digit, and hold only those, '.', '_', '/' and '-'";
}

static const char *variable(const char *text)
{
    bool good = (isalpha((unsigned char)text[0]) || text[0] == '_') &&
                !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")];
    return good ? NULL : "must be the name of a variable: letters, digits and '_', no digit first";
}

/* --- the tables --- */

#define BIG 1000000000000000 /* 10^15: what fits everywhere, also in JavaScript */
#define LIMIT_FIELDS                                                                                         \
    {"memory_bytes", NUMBER, 6291456, BIG, NULL, NULL, false, false},                                        \
        {"cpu_millis", NUMBER, 10, 1000000, NULL, NULL, false, false},                                       \
    {                                                                                                        \
        "cpu_shares", NUMBER, 2, 262144, NULL, NULL, false, false                                            \
    }

static const struct field sandbox[] = {
    {"image", TEXT, 1, 255, NULL, image, false, false},
    {"name", TEXT, 0, 63, NULL, no_control, false, false},
    {"command", WORDS, 0, 1024, NULL, NULL, false, false},
    {"env", MAP, 0, 1024, NULL, variable, false, false},
    {"labels", MAP, 0, 64, NULL, word, false, false},
    LIMIT_FIELDS,
    {"storage_bytes", NUMBER, 4194304, BIG, NULL, NULL, false, false},
    {"pids", NUMBER, 1, 4194304, NULL, NULL, false, false},
    {"lifetime_seconds", NUMBER, 1, 315360000, NULL, NULL, false, false},
    {"idle_timeout_seconds", NUMBER, 1, 315360000, NULL, NULL, false, false},
    {"network", TEXT, 1, 16, "none", NULL, false, false},
    {"restart", TEXT, 1, 16, "never elsewhere", NULL, false, false},
    {"region", TEXT, 1, 63, NULL, word, false, false},
    {"node_labels", MAP, 0, 64, NULL, word, false, false},
    {"runtime", TEXT, 1, 63, NULL, word, false, false},
    {"use_image_command", TRUTH, 0, 0, NULL, NULL, false, false},
};

static const struct field sandbox_patch[] = {
    LIMIT_FIELDS,
    {"name", TEXT, 0, 63, NULL, no_control, false, false},
    {"labels", MAP, 0, 64, NULL, word, false, false},
    {"lifetime_seconds", NUMBER, 1, 315360000, NULL, NULL, false, false},
    {"expires_at", TEXT, 20, 40, NULL, no_control, false, false},
};

static const struct field user[] = {
    {"name", TEXT, 1, 63, NULL, word, true, false},
    {"tier", TEXT, 1, 32, NULL, word, true, false},
    {"role", TEXT, 1, 8, "user admin", NULL, false, false},
    {"overrides", OBJECT, 0, 32, NULL, NULL, false, false},
};

static const struct field user_patch[] = {
    {"name", TEXT, 1, 63, NULL, word, false, false},
    {"tier", TEXT, 1, 32, NULL, word, false, false},
    {"role", TEXT, 1, 8, "user admin", NULL, false, false},
    {"overrides", OBJECT, 0, 32, NULL, NULL, false, false},
};

static const struct field key[] = {
    {"name", TEXT, 1, 63, NULL, no_control, true, false},
    {"scopes", WORDS, 1, 3, "read write admin", NULL, false, false},
    {"max_sandboxes", NUMBER, 0, 1000000, NULL, NULL, false, true},
    {"expires_at", TEXT, 20, 40, NULL, no_control, false, true},
};

static const struct {
    const struct field *field;
    size_t count;
} schemas[SCHEMA_COUNT] = {
    [SCHEMA_SANDBOX] = {sandbox, ARRAY_LEN(sandbox)},
    [SCHEMA_SANDBOX_PATCH] = {sandbox_patch, ARRAY_LEN(sandbox_patch)},
    [SCHEMA_USER] = {user, ARRAY_LEN(user)},
    [SCHEMA_USER_PATCH] = {user_patch, ARRAY_LEN(user_patch)},
    [SCHEMA_KEY] = {key, ARRAY_LEN(key)},
};

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
    if (!error) /* a cut in the middle of a character */
        error = json_pack("{s:s,s:s}", "pointer", "", "detail", detail);
    json_array_append_new(errors, error);
}

static bool among(const char *choices, const char *text)
{
    size_t n = strlen(text);
    for (const char *c = choices; *c; c += strcspn(c, " "), c += strspn(c, " ")) {
        if (n && strcspn(c, " ") == n && !strncmp(c, text, n))
            return true;
    }
    return false;
}

static void check_text(const struct field *f, const json_t *value, json_t *errors)
{
    char detail[160];
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    const char *wrong = NULL;
    if (f->choices && !among(f->choices, text)) {
        snprintf(detail, sizeof detail, "must be one of: %s", f->choices);
        wrong = detail;
    } else if (len < (size_t)f->least || len > (size_t)f->most) {
        snprintf(detail, sizeof detail, "must be %lld to %lld bytes long", (long long)f->least,
                 (long long)f->most);
        wrong = detail;
    } else if (f->rule) {
        wrong = f->rule(text);
    }
    if (wrong)
        complain(errors, f->name, NULL, wrong);
}

static void check_number(const struct field *f, const json_t *value, json_t *errors)
{
    char detail[160];
    json_int_t n = json_integer_value(value);
    if (n >= f->least && n <= f->most)
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

static void check_words(const struct field *f, const json_t *value, json_t *errors)
{
    size_t i;
    json_t *item;
    if (!count_is_good(f, json_array_size(value), errors))
        return;
    json_array_foreach(value, i, item)
    {
        char index[24];
        snprintf(index, sizeof index, "%zu", i);
        if (!json_is_string(item) || json_string_length(item) > 32767)
            complain(errors, f->name, index, "must be a string of at most 32767 bytes");
        else if (f->choices && !among(f->choices, json_string_value(item)))
            complain(errors, f->name, index, "is none of the words that are allowed here");
    }
}

static void check_map(const struct field *f, json_t *value, json_t *errors)
{
    const char *name;
    json_t *item;
    if (!count_is_good(f, json_object_size(value), errors))
        return;
    json_object_foreach(value, name, item)
    {
        const char *wrong = strlen(name) > 127 ? "has a name longer than 127 bytes" : f->rule(name);
        if (!wrong && (!json_is_string(item) || json_string_length(item) > 32767))
            wrong = "must be a string of at most 32767 bytes";
        if (!wrong && f->rule == word && json_string_length(item) > 255)
            wrong = "must be a string of at most 255 bytes";
        if (wrong)
            complain(errors, f->name, name, wrong);
    }
}

static void check_value(const struct field *f, json_t *value, json_t *errors)
{
    static const struct {
        const char *name;
        json_type type;
    } types[] = {[TEXT] = {"must be a string", JSON_STRING},
                 [NUMBER] = {"must be an integer", JSON_INTEGER},
                 [TRUTH] = {"must be true or false", JSON_TRUE},
                 [WORDS] = {"must be a list of strings", JSON_ARRAY},
                 [MAP] = {"must be an object of strings", JSON_OBJECT},
                 [OBJECT] = {"must be an object", JSON_OBJECT}};
    if (json_is_null(value) && f->nullable)
        return;
    if (f->type == TRUTH ? !json_is_boolean(value) : json_typeof(value) != types[f->type].type) {
        complain(errors, f->name, NULL, types[f->type].name);
        return;
    }
    switch (f->type) {
    case TEXT:
        check_text(f, value, errors);
        break;
    case NUMBER:
        check_number(f, value, errors);
        break;
    case WORDS:
        check_words(f, value, errors);
        break;
    case MAP:
        check_map(f, value, errors);
        break;
    case TRUTH:
    case OBJECT:
        break;
    }
}

static const struct field *field_find(enum api_schema schema, const char *name)
{
    for (size_t i = 0; i < schemas[schema].count; i++) {
        if (!strcmp(schemas[schema].field[i].name, name))
            return &schemas[schema].field[i];
    }
    return NULL;
}

static void check_object(enum api_schema schema, json_t *root, json_t *errors)
{
    const char *name;
    json_t *value;
    json_object_foreach(root, name, value)
    {
        const struct field *f = field_find(schema, name);
        if (f)
            check_value(f, value, errors);
        else
            complain(errors, name, NULL, "is no field that is known here");
    }
    for (size_t i = 0; i < schemas[schema].count; i++) {
        const struct field *f = &schemas[schema].field[i];
        if (f->required && !json_object_get(root, f->name))
            complain(errors, f->name, NULL, "is missing");
    }
}

/* Nesting beyond what any body needs is refused before it is parsed: a parser's stack is not for strangers.
 */
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

int api_schema_check(enum api_schema schema, const char *body, size_t len, json_t **out, json_t **errors,
                     struct err *e)
{
    json_error_t where;
    *out = *errors = NULL;
    if (too_deep(body, len))
        return err_set(e, ERR_MALFORMED_JSON, "the body is nested deeper than %d levels", DEPTH_MAX);
    json_t *root = json_loadb(body, len, JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return err_set(e, ERR_MALFORMED_JSON, "line %d, column %d: %s", where.line, where.column, where.text);
    *errors = json_array();
    if (json_is_object(root))
        check_object(schema, root, *errors);
    else
        complain(*errors, NULL, NULL, "must be an object");
    if (json_array_size(*errors)) {
        json_decref(root);
        return err_set(e, ERR_INVALID, "the body does not validate; errors says where");
    }
    json_decref(*errors);
    *errors = NULL;
    *out = root;
    return 0;
}

/* --- POST /sandbox --- */

static char *text_of(const json_t *body, const char *name)
{
    const char *text = json_string_value(json_object_get(body, name));
    return text && text[0] ? mem_strdup(text) : NULL;
}

static void pairs_of(json_t *body, const char *name, struct string_list *out)
{
    const char *k;
    json_t *value;
    json_object_foreach(json_object_get(body, name), k, value)
    {
        char *pair = mem_zalloc(strlen(k) + json_string_length(value) + 2);
        sprintf(pair, "%s=%s", k, json_string_value(value));
        string_list_add(out, pair);
        free(pair);
    }
}

static bool is_text(const json_t *body, const char *name, const char *text)
{
    const char *value = json_string_value(json_object_get(body, name));
    return value && !strcmp(value, text);
}

void api_sandbox_request(json_t *body, struct sandbox_request *out)
{
    size_t i;
    json_t *item;
    memset(out, 0, sizeof *out);
    out->spec.image = text_of(body, "image");
    out->spec.runtime = text_of(body, "runtime");
    json_array_foreach(json_object_get(body, "command"), i, item)
        string_list_add(&out->spec.command, json_string_value(item));
    pairs_of(body, "env", &out->spec.env);
    pairs_of(body, "node_labels", &out->node_labels);
    out->spec.network = is_text(body, "network", "egress") ? NETWORK_EGRESS : NETWORK_NONE;
    out->spec.use_image_command = json_is_true(json_object_get(body, "use_image_command"));
    out->spec.idle_timeout_seconds =
        (uint64_t)json_integer_value(json_object_get(body, "idle_timeout_seconds"));
    out->name = text_of(body, "name");
    out->region = text_of(body, "region");
    out->restart_elsewhere = is_text(body, "restart", "elsewhere");
    json_t *labels = json_object_get(body, "labels");
    out->labels = labels ? json_dumps(labels, JSON_COMPACT) : NULL;
    for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++)
        out->asked.value[kind] =
            (uint64_t)json_integer_value(json_object_get(body, limit_kind_name((enum limit_kind)kind)));
}
