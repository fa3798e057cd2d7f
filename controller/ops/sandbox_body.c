#include "controller/ops/sandbox_body.h"

#include "common/base/mem.h"
#include "common/base/text_form.h"
#include "controller/db/db_template.h"
#include "controller/ops/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- POST /sandbox --- */

/*
 * The grammar of an image reference, as in distribution's reference package, with what Docker takes for a
 * registry.
 */
#define REGISTRY  "((localhost|[A-Za-z0-9-]+([.][A-Za-z0-9-]+)+)(:[0-9]+)?|[A-Za-z0-9-]+:[0-9]+)/"
#define COMPONENT "[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*"
#define IMAGE                                                                                                \
    "^(" REGISTRY ")?" COMPONENT "(/" COMPONENT                                                              \
    ")*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$"

#define TEMPLATE_NAME "^[A-Za-z0-9][A-Za-z0-9._-]*$"
#define TEMPLATE_REF  "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}(@[1-9][0-9]{0,8})?$"

static const char *image(const char *text)
{
    static struct text_form form = TEXT_FORM(IMAGE);
    return text_form_fits(&form, text) ? NULL : "must be the name of an image, such as corral-base:latest";
}

static const struct field_rule image_rule = {IMAGE, image, 0};

static const char *template_ref_fault(const char *text)
{
    static struct text_form form = TEXT_FORM(TEMPLATE_REF);
    return text_form_fits(&form, text) ? NULL
                                       : "must be the name of a template, or NAME@NUMBER for a version of it";
}

static const struct field_rule template_ref_rule = {TEMPLATE_REF, template_ref_fault, 0};

/* From common/model/limit.def: the limits that a create may name, and those that may change while it runs. */
#define NUMBER(name, least, most)   {#name, FIELD_NUMBER, least, most, NULL, NULL, false, false, NULL},
#define NULLABLE(name, least, most) {#name, FIELD_NUMBER, least, most, NULL, NULL, false, true, NULL},

/* What both a create and a template say. nullable: of a change of a template, where null takes a field away.
 */
#define TEXTS(nullable)                                                                                      \
    {"image", FIELD_TEXT, 1, 255, NULL, &image_rule, false, nullable, NULL},                                 \
        {"command", FIELD_WORDS, 0, 1024, NULL, NULL, false, nullable, NULL},                                \
        {"env", FIELD_MAP, 0, 1024, NULL, &field_rule_variable, false, nullable, NULL},                      \
        {"labels", FIELD_MAP, 0, 64, NULL, &field_rule_word, false, nullable, NULL},                         \
        {"shm_bytes", FIELD_NUMBER, 4096, LIMIT_BYTES_MAX, NULL, NULL, false, nullable, NULL},               \
        {"idle_timeout_seconds", FIELD_NUMBER, 1, 315360000, NULL, NULL, false, nullable, NULL},             \
        {"network", FIELD_TEXT, 1, 16, "none", NULL, false, nullable, NULL},                                 \
        {"restart", FIELD_TEXT, 1, 16, "never elsewhere", NULL, false, nullable, NULL},                      \
        {"region", FIELD_TEXT, 1, 63, NULL, &field_rule_word, false, nullable, NULL},                        \
        {"node_labels", FIELD_MAP, 0, 64, NULL, &field_rule_word, false, nullable, NULL},                    \
        {"runtime", FIELD_TEXT, 1, 63, NULL, &field_rule_word, false, nullable, NULL},                       \
        {"use_image_command", FIELD_TRUTH, 0, 0, NULL, NULL, false, nullable, NULL},

static const struct field create[] = {
    TEXTS(false){"name", FIELD_TEXT, 0, 63, NULL, &field_rule_name, false, false, NULL},
    {"template", FIELD_TEXT, 1, DB_TEMPLATE_REF_MAX, NULL, &template_ref_rule, false, false, NULL},
#define LIMIT(KIND, name, UNIT, least, most, asked, ...) LIMIT_IF_##asked(NUMBER(name, least, most))
#define LIMIT_TIME(KIND, name, least, most)              NUMBER(name, least, most)
#include "common/model/limit.def"
};

static char *text_of(const json_t *body, const char *name)
{
    const char *text = json_string_value(json_object_get(body, name));
    return text && text[0] ? mem_strdup(text) : NULL;
}

static void pairs_of(const json_t *body, const char *name, struct string_list *out)
{
    const char *k;
    json_t *value;
    json_t *pairs = json_object_get(body, name);
    json_object_foreach(pairs, k, value)
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

/* Of a template. */
static void parse_ready(const json_t *ready, struct sandbox_spec *spec)
{
    size_t i;
    json_t *item, *every = json_object_get(ready, "interval_ms"),
                  *within = json_object_get(ready, "timeout_seconds");
    if (!json_is_object(ready))
        return;
    json_array_foreach(json_object_get(ready, "command"), i, item)
        string_list_add(&spec->ready_command, json_string_value(item));
    spec->ready_interval_ms = every ? (uint32_t)json_integer_value(every) : READY_INTERVAL_MS;
    spec->ready_timeout_ms = 1000 * (within ? (uint32_t)json_integer_value(within) : READY_TIMEOUT_SECONDS);
}

static void *parse_create(const json_t *body)
{
    struct sandbox_request *out = mem_zalloc(sizeof *out);
    size_t i;
    json_t *item;
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
    out->spec.shm_bytes = (uint64_t)json_integer_value(json_object_get(body, "shm_bytes"));
    parse_ready(json_object_get(body, "ready"), &out->spec);
    out->template = text_of(body, "template");
    out->name = text_of(body, "name");
    out->region = text_of(body, "region");
    out->restart_elsewhere = is_text(body, "restart", "elsewhere");
    json_t *labels = json_object_get(body, "labels");
    out->labels = labels ? json_dumps(labels, JSON_COMPACT) : NULL;
    for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++)
        out->asked.value[kind] =
            (uint64_t)json_integer_value(json_object_get(body, limit_kind_name((enum limit_kind)kind)));
    return out;
}

static void free_create(void *request)
{
    sandbox_request_fini(request);
    free(request);
}

const struct api_body sandbox_body = {
    .fields = {create, ARRAY_LEN(create)}, .optional = true, .parse = parse_create, .free = free_create};

struct sandbox_request *sandbox_request_parse(const json_t *body)
{
    return parse_create(body);
}

/* --- templates --- */

static const char *template_name_fault(const char *text)
{
    static struct text_form form = TEXT_FORM(TEMPLATE_NAME);
    return text_form_fits(&form, text)
               ? NULL
               : "must begin with a letter or digit, and contain only letters, digits, '.', '_' and '-'";
}

static const struct field_rule template_name_rule = {TEMPLATE_NAME, template_name_fault, 0};

static const struct field ready_fields[] = {
    {"command", FIELD_WORDS, 1, 256, NULL, NULL, true, false, NULL},
    {"interval_ms", FIELD_NUMBER, 100, 60000, NULL, NULL, false, false, NULL},
    {"timeout_seconds", FIELD_NUMBER, 1, 3600, NULL, NULL, false, false, NULL},
};
static const struct field_table ready_table = {ready_fields, ARRAY_LEN(ready_fields)};

static const struct field template_fields[] = {
    {"name", FIELD_TEXT, 1, DB_TEMPLATE_NAME_MAX, NULL, &template_name_rule, true, false, NULL},
    {"shared", FIELD_TRUTH, 0, 0, NULL, NULL, false, false, NULL},
    {"warm", FIELD_NUMBER, 0, TEMPLATE_WARM_MAX, NULL, NULL, false, false, NULL},
    {"ready", FIELD_OBJECT, 0, 0, NULL, NULL, false, false, &ready_table},
    TEXTS(false)
#define LIMIT(KIND, name, UNIT, least, most, asked, ...) LIMIT_IF_##asked(NUMBER(name, least, most))
#define LIMIT_TIME(KIND, name, least, most)              NUMBER(name, least, most)
#include "common/model/limit.def"
};

static const struct field template_patch_fields[] = {
    {"warm", FIELD_NUMBER, 0, TEMPLATE_WARM_MAX, NULL, NULL, false, false, NULL},
    {"ready", FIELD_OBJECT, 0, 0, NULL, NULL, false, true, &ready_table},
    TEXTS(true)
#define LIMIT(KIND, name, UNIT, least, most, asked, ...) LIMIT_IF_##asked(NULLABLE(name, least, most))
#define LIMIT_TIME(KIND, name, least, most)              NULLABLE(name, least, most)
#include "common/model/limit.def"
};

/* What a template is called and the rest of what is said of it; the environment goes a way of its own. */
static void *parse_template(const json_t *body)
{
    struct template_request *out = mem_zalloc(sizeof *out);
    json_t *warm = json_object_get(body, "warm");
    out->name = text_of(body, "name");
    out->shared = json_is_true(json_object_get(body, "shared"));
    out->warm = warm ? (int)json_integer_value(warm) : -1;
    out->env_given = json_object_get(body, "env") != NULL;
    pairs_of(body, "env", &out->env);
    out->body = json_deep_copy(body);
    for (const char *const *name = (const char *const[]){"name", "shared", "warm", "env", NULL}; *name;
         name++)
        json_object_del(out->body, *name);
    return out;
}

static void free_template(void *request)
{
    struct template_request *r = request;
    for (size_t i = 0; i < r->env.count; i++)
        explicit_bzero(r->env.item[i], strlen(r->env.item[i]));
    string_list_fini(&r->env);
    json_decref(r->body);
    free(r->name);
    free(r);
}

const struct api_body template_body = {
    .fields = {template_fields, ARRAY_LEN(template_fields)}, .parse = parse_template, .free = free_template};
const struct api_body template_patch_body = {
    .fields = {template_patch_fields, ARRAY_LEN(template_patch_fields)},
    .parse = parse_template,
    .free = free_template};

/* --- PATCH /sandbox/{id} --- */

static const struct field patch[] = {
#define LIMIT(KIND, name, UNIT, least, most, asked, live, ...) LIMIT_IF_##live(NUMBER(name, least, most))
#define LIMIT_TIME(KIND, name, least, most)                    NUMBER(name, least, most)
#include "common/model/limit.def"
    {"name", FIELD_TEXT, 0, 63, NULL, &field_rule_name, false, false, NULL},
    {"labels", FIELD_MAP, 0, 64, NULL, &field_rule_word, false, false, NULL},
    {"expires_at", FIELD_TEXT, 20, 40, NULL, &field_rule_time, false, false, NULL},
    {"force", FIELD_TRUTH, 0, 0, NULL, NULL, false, false, NULL},
};

static void *parse_patch(const json_t *body)
{
    struct sandbox_patch *out = mem_zalloc(sizeof *out);
    out->memory_bytes = (uint64_t)json_integer_value(json_object_get(body, "memory_bytes"));
    out->force = json_is_true(json_object_get(body, "force"));
    out->timed = json_object_get(body, "expires_at") || json_object_get(body, "lifetime_seconds");
    return out;
}

const struct api_body sandbox_patch_body = {.fields = {patch, ARRAY_LEN(patch)},
                                            .apart = {"lifetime_seconds", "expires_at"},
                                            .parse = parse_patch,
                                            .free = free};
