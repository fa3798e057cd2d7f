/*
 * The bodies of users, API keys and tiers: validated here, and handed to the database as they are. Pure.
 */
#include "controller/ops/routes.h"

#include "common/base/text_form.h"
#include "common/model/sandbox_spec.h"

#include <string.h>

static const char *tier_name(const char *text)
{
    bool good =
        text[0] >= 'a' && text[0] <= 'z' && !text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-")];
    return good ? NULL : "must begin with a letter, and contain only a-z, 0-9, '_' and '-'";
}

static const struct field_rule tier_rule = {"^[a-z][a-z0-9_-]*$", tier_name, 0};

static const char *pattern_fault(const char *text)
{
    static struct text_form form = TEXT_FORM(
        "^[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?/[a-z0-9*][a-z0-9*._/-]*(:[A-Za-z0-9_*][A-Za-z0-9_.*-]*)?$");
    return text_form_fits(&form, text) ? NULL
                                       : "must be names of images with their registry, and * for any "
                                         "characters, such as docker.io/library/*";
}

/* Which images users of a tier may run. */
static const struct field_rule pattern_rule = {"^[a-z0-9][a-z0-9.:-]*/[^\\s]+$", pattern_fault, 0};
#define TIER_IMAGES                                                                                          \
    {                                                                                                        \
        "images", FIELD_WORDS, 0, 64, NULL, &pattern_rule, false, true, NULL                                 \
    }

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
    {"name", FIELD_TEXT, 1, 63, NULL, &field_rule_name, true, false, NULL},
    {"tier", FIELD_TEXT, 1, 32, NULL, &field_rule_word, true, false, NULL},
    {"role", FIELD_TEXT, 1, 8, "user admin", NULL, false, false, NULL},
    {"overrides", FIELD_OBJECT, 0, 32, NULL, NULL, false, false, &overrides_table},
};

static const struct field user_patch[] = {
    {"name", FIELD_TEXT, 1, 63, NULL, &field_rule_name, false, false, NULL},
    {"tier", FIELD_TEXT, 1, 32, NULL, &field_rule_word, false, false, NULL},
    {"role", FIELD_TEXT, 1, 8, "user admin", NULL, false, false, NULL},
    {"overrides", FIELD_OBJECT, 0, 32, NULL, NULL, false, false, &overrides_table},
};

static const struct field key[] = {
    {"name", FIELD_TEXT, 1, 63, NULL, &field_rule_name, true, false, NULL},
    {"scopes", FIELD_WORDS, 1, 4, "read exec write admin", NULL, false, false, NULL},
    {"max_sandboxes", FIELD_NUMBER, 0, 1000000, NULL, NULL, false, true, NULL},
    {"expires_at", FIELD_TEXT, 20, 40, NULL, &field_rule_time, false, true, NULL},
};

static const struct field key_patch[] = {
    {"name", FIELD_TEXT, 1, 63, NULL, &field_rule_name, false, false, NULL},
    {"scopes", FIELD_WORDS, 1, 4, "read exec write admin", NULL, false, false, NULL},
    {"max_sandboxes", FIELD_NUMBER, 0, 1000000, NULL, NULL, false, true, NULL},
    {"expires_at", FIELD_TEXT, 20, 40, NULL, &field_rule_time, false, true, NULL},
};

/* A change takes all but the first. */
static const struct field tier[] = {
    {"name", FIELD_TEXT, 1, 32, NULL, &tier_rule, true, false, NULL},
    TIER_LIMIT("max_sandboxes", 0, 1000000),
    TIER_LIMIT("max_key_sandboxes", 0, 1000000),
#define LIMIT(KIND, name, UNIT, least, most, ...) TIER_LIMIT(#name, least, most),
#define LIMIT_TIME(KIND, name, least, most)       TIER_LIMIT(#name, least, most),
#include "common/model/limit.def"
    {"warm_starts", FIELD_TRUTH, 0, 0, NULL, NULL, false, false, NULL},
    TIER_IMAGES,
    TIER_VIOLATIONS,
};

const struct api_body user_body = {.fields = {user, ARRAY_LEN(user)}};
const struct api_body user_patch_body = {.fields = {user_patch, ARRAY_LEN(user_patch)}};
const struct api_body key_body = {.fields = {key, ARRAY_LEN(key)}};
const struct api_body key_patch_body = {.fields = {key_patch, ARRAY_LEN(key_patch)}};
const struct api_body tier_body = {.fields = {tier, ARRAY_LEN(tier)}};
const struct api_body tier_patch_body = {.fields = {tier + 1, ARRAY_LEN(tier) - 1}};
