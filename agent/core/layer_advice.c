/* What to change in an image, and a smaller build of it. */
#include "agent/core/layer_report_int.h"

#include "common/base/mem.h"
#include "common/base/text.h"

#include <stdio.h>
#include <string.h>

#define ADVICE_MIN 16384 /* bytes below which nothing is advised */

static void advise(struct image_report *report, uint32_t layer, uint64_t bytes, const char *text)
{
    struct image_items *items = &report->items[IMAGE_ADVICE];
    if (bytes < ADVICE_MIN)
        return;
    items->total++;
    items->total_bytes += bytes;
    if (items->count == IMAGE_REPORT_ITEMS)
        return;
    struct image_item *item = image_items_add(items);
    item->text = mem_dup(text, strnlen(text, IMAGE_REPORT_TEXT_MAX));
    item->bytes = bytes;
    item->layer = layer;
}

static void advise_caches(const struct layer_tree *tree, const struct layer_cached *cached,
                          struct image_report *report)
{
    char text[IMAGE_REPORT_TEXT_MAX];
    for (uint32_t layer = 0; layer < tree->layers; layer++)
        for (size_t i = 0; i < layer_caches_count; i++) {
            if (!layer_caches[i].rids)
                continue;
            snprintf(text, sizeof text,
                     "It leaves %s. End the command that makes it with: && rm -rf %s/*; in a later layer "
                     "that saves nothing.",
                     layer_caches[i].what, layer_caches[i].path);
            advise(report, layer + 1, cached[i].by_layer[layer], text);
        }
}

static void advise_layers(const struct layer_tree *tree, const uint64_t *copied, struct image_report *report)
{
    for (uint32_t layer = 0; layer < tree->layers; layer++) {
        uint64_t hidden = report->layer[layer].hidden;
        advise(report, layer + 1, copied[layer],
               "It changes owners, modes or times of files of earlier layers, which stores these files "
               "again. Set them where the files are made: COPY --chown --chmod, or the same RUN.");
        advise(report, layer + 1, hidden,
               "Later layers delete or replace files of it. Delete them in the command that makes them, or "
               "build in a first stage and copy only the results.");
    }
}

static uint64_t removed_bytes(const struct layer_cached *cached)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < layer_caches_count; i++)
        sum += layer_caches[i].rids ? cached[i].bytes : 0;
    return sum;
}

static bool has(const struct layer_tree *tree, const char *path)
{
    uint32_t node = layer_tree_find(tree, path);
    return node != LAYER_NONE && tree->node[node].entry != LAYER_NONE;
}

/* Whether a RUN of the suggested build has what it needs. */
static bool has_shell(const struct layer_tree *tree)
{
    return (has(tree, "/bin/sh") || has(tree, "/usr/bin/sh")) &&
           (has(tree, "/bin/rm") || has(tree, "/usr/bin/rm"));
}

static void put_removal(const struct layer_cached *cached, struct text *out)
{
    const char *before = "RUN rm -rf";
    for (size_t i = 0; i < layer_caches_count; i++)
        if (layer_caches[i].rids && cached[i].bytes) {
            text_fmt(out, "%s %s/*", before, layer_caches[i].path);
            before = "";
        }
    text_add(out, "\n");
}

/* Only a name of an image is put into the text, not what could be another instruction. */
static const char *base_of(const struct layer_image *image)
{
    const char *name = image->name ? image->name : "";
    size_t plain = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./:@_-");
    return *name && !name[plain] && name[0] != '-' ? name : "IMAGE";
}

static void write_build(const struct layer_tree *tree, const struct layer_image *image,
                        const struct layer_cached *cached, struct image_report *report)
{
    struct text out = {0};
    uint64_t removed = has_shell(tree) ? removed_bytes(cached) : 0;
    report->saved_bytes = report->items[IMAGE_HIDDEN].total_bytes + removed;
    if (report->saved_bytes < ADVICE_MIN)
        return;
    text_fmt(&out, "# Leaves out %llu bytes: ", (unsigned long long)report->saved_bytes);
    text_fmt(&out, "%llu that later layers hide, ",
             (unsigned long long)report->items[IMAGE_HIDDEN].total_bytes);
    text_fmt(&out, "and %llu of caches.\n", (unsigned long long)removed);
    text_add(&out, "FROM ");
    text_add(&out, base_of(image));
    text_add(&out, " AS full\n");
    if (removed) {
        text_add(&out, "USER 0\n");
        put_removal(cached, &out);
    }
    text_add(&out, "\nFROM scratch\nCOPY --from=full / /\n");
    layer_config_write(&image->config, &out);
    if (out.len <= IMAGE_DOCKERFILE_MAX)
        report->dockerfile = mem_strdup(out.data);
    text_fini(&out);
}

void layer_advise(const struct layer_tree *tree, const struct layer_image *image,
                  const struct layer_cached *cached, const uint64_t *copied, struct image_report *report)
{
    advise_caches(tree, cached, report);
    advise_layers(tree, copied, report);
    write_build(tree, image, cached, report);
}
