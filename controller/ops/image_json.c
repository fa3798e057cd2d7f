#include "controller/ops/image_json.h"

#include "controller/ops/ops.h"

#include <stdio.h>
#include <string.h>

static void put_path(struct json_text *json, const struct image_item *item)
{
    const char *path = item->paths ? item->path[0] : "";
    ops_put_bytes(json, "path", path, strlen(path));
}

static void put_layer(struct json_text *json, const char *name, uint32_t layer)
{
    json_text_num(json, name, layer);
}

static void put_hidden(struct json_text *json, const struct image_item *item)
{
    put_path(json, item);
    json_text_num(json, "bytes", item->bytes);
    put_layer(json, "layer", item->layer);
    put_layer(json, "hidden_by", item->by);
    json_text_str(json, "how", item->flag ? "deleted" : "replaced");
}

static void put_cache(struct json_text *json, const struct image_item *item)
{
    put_path(json, item);
    json_text_str(json, "what", item->text);
    json_text_num(json, "bytes", item->bytes);
    json_text_num(json, "files", item->count);
    json_text_bool(json, "left_out", item->flag);
}

static void put_duplicate(struct json_text *json, const struct image_item *item)
{
    json_text_num(json, "bytes", item->bytes);
    json_text_num(json, "copies", item->count);
    json_text_array(json, "paths");
    for (size_t i = 0; i < item->paths; i++)
        json_text_str(json, NULL, item->path[i]);
    json_text_end(json);
}

static void put_large(struct json_text *json, const struct image_item *item)
{
    put_path(json, item);
    json_text_num(json, "bytes", item->bytes);
    put_layer(json, "layer", item->layer);
}

static void put_privileged(struct json_text *json, const struct image_item *item)
{
    char mode[8];
    snprintf(mode, sizeof mode, "%04o", item->mode & 07777);
    put_path(json, item);
    json_text_str(json, "mode", mode);
    json_text_bool(json, "capabilities", item->flag);
}

static void put_advice(struct json_text *json, const struct image_item *item)
{
    if (item->layer)
        put_layer(json, "layer", item->layer - 1);
    else
        json_text_null(json, "layer");
    json_text_str(json, "text", item->text);
    json_text_num(json, "bytes", item->bytes);
}

/* By enum image_item_kind. */
static const struct {
    const char *name;
    void (*put)(struct json_text *json, const struct image_item *item);
} kinds[IMAGE_ITEM_KINDS] = {
    [IMAGE_HIDDEN] = {"hidden", put_hidden},
    [IMAGE_CACHE] = {"caches", put_cache},
    [IMAGE_DUPLICATE] = {"duplicates", put_duplicate},
    [IMAGE_LARGE] = {"large", put_large},
    [IMAGE_PRIVILEGED] = {"privileged", put_privileged},
    [IMAGE_ADVICE] = {"advice", put_advice},
};

static void put_items(struct json_text *json, const struct image_report *report, size_t kind)
{
    const struct image_items *items = &report->items[kind];
    json_text_object(json, kinds[kind].name);
    json_text_num(json, "count", items->total);
    json_text_num(json, "bytes", items->total_bytes);
    json_text_array(json, "items");
    for (size_t i = 0; i < items->count; i++) {
        json_text_object(json, NULL);
        kinds[kind].put(json, &items->item[i]);
        json_text_end(json);
    }
    json_text_end(json);
    json_text_end(json);
}

static void put_layers(struct json_text *json, const struct image_report *report)
{
    json_text_array(json, "layers");
    for (size_t i = 0; i < report->layers; i++) {
        const struct image_layer *layer = &report->layer[i];
        json_text_object(json, NULL);
        json_text_num(json, "index", i);
        json_text_str(json, "digest", layer->digest);
        json_text_str(json, "command", layer->command);
        json_text_num(json, "bytes", layer->bytes);
        json_text_num(json, "files", layer->files);
        json_text_num(json, "hidden_bytes", layer->hidden);
        json_text_num(json, "removes", layer->removes);
        json_text_end(json);
    }
    json_text_end(json);
}

static void put_text(struct json_text *json, const char *name, const char *text)
{
    if (text && *text)
        json_text_str(json, name, text);
    else
        json_text_null(json, name);
}

void image_json_report(struct json_text *json, const char *image, const char *node,
                       const struct image_report *report)
{
    json_text_object(json, NULL);
    json_text_str(json, "image", image);
    json_text_str(json, "id", report->id);
    json_text_str(json, "node", node);
    json_text_bool(json, "complete", !report->why_partial[0]);
    put_text(json, "why_incomplete", report->why_partial);
    json_text_str(json, "tree_sha256", report->tree);
    json_text_num(json, "bytes", report->bytes);
    json_text_num(json, "visible_bytes", report->visible_bytes);
    json_text_num(json, "visible_files", report->visible_files);
    json_text_num(json, "saved_bytes", report->saved_bytes);
    put_text(json, "dockerfile", report->dockerfile);
    put_layers(json, report);
    for (size_t kind = 0; kind < IMAGE_ITEM_KINDS; kind++)
        put_items(json, report, kind);
    json_text_end(json);
}

void image_json_flat(struct json_text *json, const char *image, const char *node,
                     const struct image_flat *flat)
{
    uint64_t before = flat->before.bytes, after = flat->after.bytes;
    json_text_object(json, NULL);
    json_text_str(json, "image", image);
    json_text_str(json, "id", flat->before.id);
    json_text_str(json, "variant", flat->name);
    json_text_str(json, "variant_id", flat->after.id);
    json_text_str(json, "node", node);
    json_text_str(json, "tree_sha256", flat->after.tree);
    json_text_num(json, "image_bytes", before);
    json_text_num(json, "variant_bytes", after);
    json_text_num(json, "saved_bytes", before > after ? before - after : 0);
    json_text_num(json, "layers", flat->before.layers);
    json_text_end(json);
}
