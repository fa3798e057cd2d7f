/* The texts of an image: which layers it has, its configuration, its history. */
#include "agent/image/image_read_int.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 4096 /* of a list of the configuration */

static json_t *parse(const struct image_blob *blob)
{
    return blob && blob->json ? json_loadb(blob->json, blob->json_len, 0, NULL) : NULL;
}

static int broken(struct err *e, const char *what)
{
    return err_set(e, ERR_PROTOCOL, "its archive has no %s that can be read", what);
}

/* --- the configuration --- */

static void take_text(char **out, const json_t *value)
{
    const char *text = json_string_value(value);
    if (text)
        *out = mem_strdup(text);
}

static void take_words(struct string_list *out, const json_t *list)
{
    size_t i;
    json_t *word;
    json_array_foreach((json_t *)(uintptr_t)list, i, word)
    {
        if (json_is_string(word) && i < WORDS_MAX)
            string_list_add(out, json_string_value(word));
    }
}

/* The names of an object's members; with values: "name=value". */
static void take_names(struct string_list *out, json_t *object, bool values)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        const char *text = json_string_value(value);
        char *pair;
        if (out->count == WORDS_MAX)
            return;
        if (!values)
            string_list_add(out, name);
        else if (text && asprintf(&pair, "%s=%s", name, text) >= 0) {
            string_list_add(out, pair);
            free(pair);
        }
    }
}

static uint64_t number_of(const json_t *object, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(object, name));
    return n > 0 ? (uint64_t)n : 0;
}

static void take_config(struct layer_config *out, json_t *config)
{
    const json_t *health = json_object_get(config, "Healthcheck");
    take_words(&out->env, json_object_get(config, "Env"));
    take_names(&out->labels, json_object_get(config, "Labels"), true);
    take_names(&out->volumes, json_object_get(config, "Volumes"), false);
    take_names(&out->ports, json_object_get(config, "ExposedPorts"), false);
    take_words(&out->entrypoint, json_object_get(config, "Entrypoint"));
    take_words(&out->command, json_object_get(config, "Cmd"));
    take_words(&out->shell, json_object_get(config, "Shell"));
    take_words(&out->health, json_object_get(health, "Test"));
    take_text(&out->user, json_object_get(config, "User"));
    take_text(&out->working_dir, json_object_get(config, "WorkingDir"));
    take_text(&out->stop_signal, json_object_get(config, "StopSignal"));
    out->health_interval_ns = number_of(health, "Interval");
    out->health_timeout_ns = number_of(health, "Timeout");
    out->health_start_ns = number_of(health, "StartPeriod");
    out->health_retries = number_of(health, "Retries");
}

/* The steps of the history that made a layer, in order. */
static void take_history(struct image_read *read, const json_t *history, uint32_t layers)
{
    uint32_t layer = 0;
    size_t i;
    json_t *step;
    json_array_foreach((json_t *)(uintptr_t)history, i, step)
    {
        const char *command = json_string_value(json_object_get(step, "created_by"));
        if (layer == layers)
            return;
        if (json_is_true(json_object_get(step, "empty_layer")))
            continue;
        if (command)
            read->command[layer] = mem_dup(command, strnlen(command, IMAGE_REPORT_TEXT_MAX));
        layer++;
    }
}

/* --- the layers --- */

static int take_layers(struct image_read *read, const json_t *layers, struct err *e)
{
    uint16_t slots[LAYER_SLOTS_MAX];
    const json_t *digests = json_object_get(json_object_get(read->config, "rootfs"), "diff_ids");
    size_t count = json_array_size(layers);
    if (count > LAYER_SLOTS_MAX)
        return err_set(e, ERR_TOO_LARGE, "it has more than %d layers", LAYER_SLOTS_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(layers, i));
        const struct image_blob *blob = name ? image_blob_find(read, name) : NULL;
        if (!blob || blob->slot == LAYER_NONE)
            return broken(e, "layer of its manifest");
        slots[i] = (uint16_t)blob->slot;
        const char *digest = json_string_value(json_array_get(digests, i));
        if (digest && strlen(digest) <= IMAGE_ID_LEN)
            read->digest[i] = mem_strdup(digest);
    }
    layer_tree_settle(read->tree, slots, (uint32_t)count);
    take_history(read, json_object_get(read->config, "history"), (uint32_t)count);
    return 0;
}

int image_manifest_take(struct image_read *read, struct err *e)
{
    json_t *manifest = parse(image_blob_find(read, "manifest.json"));
    const json_t *image = json_array_get(manifest, 0);
    const char *config = json_string_value(json_object_get(image, "Config"));
    int rc = 0;
    if (json_array_size(manifest) != 1 || !config)
        rc = broken(e, "manifest of one image");
    else if (!(read->config = parse(image_blob_find(read, config))) || !json_is_object(read->config))
        rc = broken(e, "configuration");
    else
        rc = take_layers(read, json_object_get(image, "Layers"), e);
    if (!rc)
        take_config(&read->image.config, json_object_get(read->config, "config"));
    read->image.digest = read->digest;
    read->image.command = read->command;
    json_decref(manifest);
    return rc;
}
