#include "controller/ops/sandbox_body.h"

#include "common/base/mem.h"
#include "common/base/text_form.h"
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

static const char *image(const char *text)
{
    static struct text_form form = TEXT_FORM(IMAGE);
    return text_form_fits(&form, text) ? NULL : "must be the name of an image, such as corral-base:latest";
}

static const struct field_rule image_rule = {IMAGE, image, 0};

/* From common/model/limit.def: the limits that a create may name, and those that may change while it runs. */
#define NUMBER(name, least, most) {#name, FIELD_NUMBER, least, most, NULL, NULL, false, false, NULL},
static const struct field create[] = {
    {"image", FIELD_TEXT, 1, 255, NULL, &image_rule, false, false, NULL},
    {"name", FIELD_TEXT, 0, 63, NULL, &field_rule_name, false, false, NULL},
    {"command", FIELD_WORDS, 0, 1024, NULL, NULL, false, false, NULL},
    {"env", FIELD_MAP, 0, 1024, NULL, &field_rule_variable, false, false, NULL},
    {"labels", FIELD_MAP, 0, 64, NULL, &field_rule_word, false, false, NULL},
#define LIMIT(KIND, name, UNIT, least, most, asked, ...) LIMIT_IF_##asked(NUMBER(name, least, most))
#define LIMIT_TIME(KIND, name, least, most)              NUMBER(name, least, most)
#include "common/model/limit.def"
    {"shm_bytes", FIELD_NUMBER, 4096, LIMIT_BYTES_MAX, NULL, NULL, false, false, NULL},
    {"idle_timeout_seconds", FIELD_NUMBER, 1, 315360000, NULL, NULL, false, false, NULL},
    {"network", FIELD_TEXT, 1, 16, "none", NULL, false, false, NULL},
    {"restart", FIELD_TEXT, 1, 16, "never elsewhere", NULL, false, false, NULL},
    {"region", FIELD_TEXT, 1, 63, NULL, &field_rule_word, false, false, NULL},
    {"node_labels", FIELD_MAP, 0, 64, NULL, &field_rule_word, false, false, NULL},
    {"runtime", FIELD_TEXT, 1, 63, NULL, &field_rule_word, false, false, NULL},
    {"use_image_command", FIELD_TRUTH, 0, 0, NULL, NULL, false, false, NULL},
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
