#include "controller/api/api_fields.h"

#include "common/base/plain_name.h"
#include "common/base/rfc3339.h"
#include "common/model/sandbox_spec.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* --- rules on texts --- */

/*
 * The grammar of an image reference, as in distribution's reference package, with what Docker takes for a
 * registry.
 */
#define REGISTRY  "((localhost|[A-Za-z0-9-]+([.][A-Za-z0-9-]+)+)(:[0-9]+)?|[A-Za-z0-9-]+:[0-9]+)/"
#define COMPONENT "[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*"
#define IMAGE                                                                                                \
    "^(" REGISTRY ")?" COMPONENT "(/" COMPONENT                                                              \
    ")*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$"

static const char *image(const char *text)
{
    regex_t form;
    if (regcomp(&form, IMAGE, REG_EXTENDED | REG_NOSUB))
        abort();
    int rc = regexec(&form, text, 0, NULL, 0);
    regfree(&form);
    return rc ? "must be the name of an image, such as corral-base:latest" : NULL;
}

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

static const char *tier_name(const char *text)
{
    bool good =
        text[0] >= 'a' && text[0] <= 'z' && !text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-")];
    return good ? NULL : "must begin with a letter, and contain only a-z, 0-9, '_' and '-'";
}

static const char *base64(const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t len = strlen(text), body = strspn(text, digits), pad = strspn(text + body, "=");
    return len % 4 == 0 && pad <= 2 && body + pad == len ? NULL : "must be base64, with its padding";
}

static const char *a_path(const char *text)
{
    return text[0] == '/' ? NULL : "must be an absolute path";
}

static const struct field_rule base64_rule = {"^[A-Za-z0-9+/]*={0,2}$", base64, 0};
static const struct field_rule path_rule = {"^/", a_path, 0};
static const struct field_rule tier_rule = {"^[a-z][a-z0-9_-]*$", tier_name, 0};
static const struct field_rule name_rule = {PLAIN_NAME_PATTERN, plain_name_wrong, 0};
static const struct field_rule image_rule = {IMAGE, image, 0};
static const struct field_rule time_rule = {
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$",
    a_time, 0};
static const struct field_rule word_rule = {"^[A-Za-z0-9][A-Za-z0-9._/-]*$", word, 255};
static const struct field_rule variable_rule = {"^[A-Za-z_][A-Za-z0-9_]*$", variable, 32767};

/* --- the tables --- */

/* From common/model/limit.def: the limits that a create may name, and those that may change while it runs. */
#define NUMBER(name, least, most) {#name, FIELD_NUMBER, least, most, NULL, NULL, false, false, NULL},
static const struct field sandbox[] = {
    {"image", FIELD_TEXT, 1, 255, NULL, &image_rule, false, false, NULL},
    {"name", FIELD_TEXT, 0, 63, NULL, &name_rule, false, false, NULL},
    {"command", FIELD_WORDS, 0, 1024, NULL, NULL, false, false, NULL},
    {"env", FIELD_MAP, 0, 1024, NULL, &variable_rule, false, false, NULL},
    {"labels", FIELD_MAP, 0, 64, NULL, &word_rule, false, false, NULL},
#define LIMIT(KIND, name, UNIT, least, most, asked, ...) LIMIT_IF_##asked(NUMBER(name, least, most))
#define LIMIT_TIME(KIND, name, least, most)              NUMBER(name, least, most)
#include "common/model/limit.def"
    {"shm_bytes", FIELD_NUMBER, 4096, LIMIT_BYTES_MAX, NULL, NULL, false, false, NULL},
    {"idle_timeout_seconds", FIELD_NUMBER, 1, 315360000, NULL, NULL, false, false, NULL},
    {"network", FIELD_TEXT, 1, 16, "none", NULL, false, false, NULL},
    {"restart", FIELD_TEXT, 1, 16, "never elsewhere", NULL, false, false, NULL},
    {"region", FIELD_TEXT, 1, 63, NULL, &word_rule, false, false, NULL},
    {"node_labels", FIELD_MAP, 0, 64, NULL, &word_rule, false, false, NULL},
    {"runtime", FIELD_TEXT, 1, 63, NULL, &word_rule, false, false, NULL},
    {"use_image_command", FIELD_TRUTH, 0, 0, NULL, NULL, false, false, NULL},
};

static const struct field sandbox_patch[] = {
#define LIMIT(KIND, name, UNIT, least, most, asked, live, ...) LIMIT_IF_##live(NUMBER(name, least, most))
#define LIMIT_TIME(KIND, name, least, most)                    NUMBER(name, least, most)
#include "common/model/limit.def"
    {"name", FIELD_TEXT, 0, 63, NULL, &name_rule, false, false, NULL},
    {"labels", FIELD_MAP, 0, 64, NULL, &word_rule, false, false, NULL},
    {"expires_at", FIELD_TEXT, 20, 40, NULL, &time_rule, false, false, NULL},
    {"force", FIELD_TRUTH, 0, 0, NULL, NULL, false, false, NULL},
};

#define TIER_LIMIT(name, least, most)                                                                        \
    {                                                                                                        \
        name, FIELD_NUMBER, least, most, NULL, NULL, false, true, NULL                                       \
    }

static const struct field overrides[] = {
    TIER_LIMIT("max_sandboxes", 0, 1000000),
    TIER_LIMIT("max_key_sandboxes", 0, 1000000),
#define LIMIT(KIND, name, UNIT, least, most, ...) TIER_LIMIT(#name, least, most),
#define LIMIT_TIME(KIND, name, least, most)       TIER_LIMIT(#name, least, most),
#include "common/model/limit.def"
};
static const struct field_table overrides_table = {overrides, ARRAY_LEN(overrides)};

static const struct field violations[] = {
    TIER_LIMIT("memory_warning", 1, 100),   TIER_LIMIT("memory_critical", 1, 100),
    TIER_LIMIT("memory_clear", 1, 100),     TIER_LIMIT("cpu_warning", 1, 100),
    TIER_LIMIT("cpu_clear", 1, 100),        TIER_LIMIT("cpu_seconds", 1, 3600),
    TIER_LIMIT("disk_warning", 1, 100),     TIER_LIMIT("disk_clear", 1, 100),
    TIER_LIMIT("pids_warning", 1, 100),     TIER_LIMIT("pids_clear", 1, 100),
    TIER_LIMIT("episode_seconds", 1, 3600),
};
static const struct field_table violations_table = {violations, ARRAY_LEN(violations)};
#define TIER_VIOLATIONS                                                                                      \
    {                                                                                                        \
        "violations", FIELD_OBJECT, 0, 32, NULL, NULL, false, true, &violations_table                        \
    }

static const struct field user[] = {
    {"name", FIELD_TEXT, 1, 63, NULL, &name_rule, true, false, NULL},
    {"tier", FIELD_TEXT, 1, 32, NULL, &word_rule, true, false, NULL},
    {"role", FIELD_TEXT, 1, 8, "user admin", NULL, false, false, NULL},
    {"overrides", FIELD_OBJECT, 0, 32, NULL, NULL, false, false, &overrides_table},
};

static const struct field user_patch[] = {
    {"name", FIELD_TEXT, 1, 63, NULL, &name_rule, false, false, NULL},
    {"tier", FIELD_TEXT, 1, 32, NULL, &word_rule, false, false, NULL},
    {"role", FIELD_TEXT, 1, 8, "user admin", NULL, false, false, NULL},
    {"overrides", FIELD_OBJECT, 0, 32, NULL, NULL, false, false, &overrides_table},
};

static const struct field key[] = {
    {"name", FIELD_TEXT, 1, 63, NULL, &name_rule, true, false, NULL},
    {"scopes", FIELD_WORDS, 1, 3, "read write admin", NULL, false, false, NULL},
    {"max_sandboxes", FIELD_NUMBER, 0, 1000000, NULL, NULL, false, true, NULL},
    {"expires_at", FIELD_TEXT, 20, 40, NULL, &time_rule, false, true, NULL},
};

static const struct field key_patch[] = {
    {"name", FIELD_TEXT, 1, 63, NULL, &name_rule, false, false, NULL},
    {"scopes", FIELD_WORDS, 1, 3, "read write admin", NULL, false, false, NULL},
    {"max_sandboxes", FIELD_NUMBER, 0, 1000000, NULL, NULL, false, true, NULL},
    {"expires_at", FIELD_TEXT, 20, 40, NULL, &time_rule, false, true, NULL},
};

static const struct field tier[] = {
    {"name", FIELD_TEXT, 1, 32, NULL, &tier_rule, true, false, NULL},
    TIER_LIMIT("max_sandboxes", 0, 1000000),
    TIER_LIMIT("max_key_sandboxes", 0, 1000000),
#define LIMIT(KIND, name, UNIT, least, most, ...) TIER_LIMIT(#name, least, most),
#define LIMIT_TIME(KIND, name, least, most)       TIER_LIMIT(#name, least, most),
#include "common/model/limit.def"
    {"warm_starts", FIELD_TRUTH, 0, 0, NULL, NULL, false, false, NULL},
    TIER_VIOLATIONS,
};

static const struct field tier_patch[] = {
    TIER_LIMIT("max_sandboxes", 0, 1000000),
    TIER_LIMIT("max_key_sandboxes", 0, 1000000),
#define LIMIT(KIND, name, UNIT, least, most, ...) TIER_LIMIT(#name, least, most),
#define LIMIT_TIME(KIND, name, least, most)       TIER_LIMIT(#name, least, most),
#include "common/model/limit.def"
    {"warm_starts", FIELD_TRUTH, 0, 0, NULL, NULL, false, false, NULL},
    TIER_VIOLATIONS,
};

static const struct field cleanup[] = {
    {"dry_run", FIELD_TRUTH, 0, 0, NULL, NULL, false, false, NULL},
};

static const struct field exec[] = {
    {"command", FIELD_WORDS, 1, 1024, NULL, NULL, true, false, NULL},
    {"stdin", FIELD_TEXT, 0, 1048576, NULL, NULL, false, false, NULL},
    {"stdin_base64", FIELD_TEXT, 0, 1048576, NULL, &base64_rule, false, false, NULL},
    {"env", FIELD_MAP, 0, 1024, NULL, &variable_rule, false, false, NULL},
    {"cwd", FIELD_TEXT, 1, 4095, NULL, &path_rule, false, false, NULL},
    {"timeout_ms", FIELD_NUMBER, 1, 31622400000, NULL, NULL, false, false, NULL},
};

const struct field_table field_tables[SCHEMA_COUNT] = {
    [SCHEMA_SANDBOX] = {sandbox, ARRAY_LEN(sandbox)},
    [SCHEMA_SANDBOX_PATCH] = {sandbox_patch, ARRAY_LEN(sandbox_patch)},
    [SCHEMA_USER] = {user, ARRAY_LEN(user)},
    [SCHEMA_USER_PATCH] = {user_patch, ARRAY_LEN(user_patch)},
    [SCHEMA_KEY] = {key, ARRAY_LEN(key)},
    [SCHEMA_KEY_PATCH] = {key_patch, ARRAY_LEN(key_patch)},
    [SCHEMA_TIER] = {tier, ARRAY_LEN(tier)},
    [SCHEMA_TIER_PATCH] = {tier_patch, ARRAY_LEN(tier_patch)},
    [SCHEMA_CLEANUP] = {cleanup, ARRAY_LEN(cleanup)},
    [SCHEMA_EXEC] = {exec, ARRAY_LEN(exec)},
};

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
