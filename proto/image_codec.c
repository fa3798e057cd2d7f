#include "proto/image_codec.h"

#include "common/base/mem.h"
#include "proto/image.pb-c.h"
#include "proto/pb.h"

#include <stdlib.h>
#include <string.h>

void image_flat_fini(struct image_flat *flat)
{
    image_report_fini(&flat->before);
    image_report_fini(&flat->after);
    flat->name[0] = 0;
}

/* --- packing --- */

static ProtobufCBinaryData bytes_to(const char *text)
{
    return text ? (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text} : (ProtobufCBinaryData){0};
}

static void layer_to(const struct image_layer *layer, Corral__ImageLayer *pb)
{
    corral__image_layer__init(pb);
    pb->digest = layer->digest && pb_text_clean(layer->digest) ? layer->digest : (char *)(uintptr_t) "";
    pb->command = bytes_to(layer->command);
    pb->bytes = layer->bytes;
    pb->files = layer->files;
    pb->hidden = layer->hidden;
    pb->removes = layer->removes;
}

static void item_to(struct pb_arena *arena, enum image_item_kind kind, const struct image_item *item,
                    Corral__ImageItem *pb)
{
    corral__image_item__init(pb);
    pb->kind = kind;
    pb->path = pb_alloc(arena, IMAGE_REPORT_PATHS, sizeof *pb->path);
    pb->n_path = item->paths;
    for (size_t i = 0; i < item->paths; i++)
        pb->path[i] = bytes_to(item->path[i]);
    pb->text = bytes_to(item->text);
    pb->bytes = item->bytes;
    pb->count = item->count;
    pb->layer = item->layer;
    pb->by = item->by;
    pb->mode = item->mode;
    pb->flag = item->flag;
}

static void layers_to(struct pb_arena *arena, const struct image_report *report, Corral__ImageReport *pb)
{
    pb->n_layers = report->layers;
    pb->layers = pb_alloc(arena, report->layers + 1, sizeof *pb->layers);
    for (size_t i = 0; i < report->layers; i++) {
        pb->layers[i] = pb_alloc(arena, 1, sizeof **pb->layers);
        layer_to(&report->layer[i], pb->layers[i]);
    }
}

static void items_to(struct pb_arena *arena, const struct image_report *report, Corral__ImageReport *pb)
{
    pb->items = pb_alloc(arena, IMAGE_ITEM_KINDS * IMAGE_REPORT_ITEMS, sizeof *pb->items);
    pb->totals = pb_alloc(arena, IMAGE_ITEM_KINDS, sizeof *pb->totals);
    for (size_t kind = 0; kind < IMAGE_ITEM_KINDS; kind++) {
        const struct image_items *items = &report->items[kind];
        for (size_t i = 0; i < items->count && i < IMAGE_REPORT_ITEMS; i++) {
            pb->items[pb->n_items] = pb_alloc(arena, 1, sizeof **pb->items);
            item_to(arena, (enum image_item_kind)kind, &items->item[i], pb->items[pb->n_items++]);
        }
        pb->totals[kind] = pb_alloc(arena, 1, sizeof **pb->totals);
        corral__image_total__init(pb->totals[kind]);
        pb->totals[kind]->bytes = items->total_bytes;
        pb->totals[kind]->count = items->total;
    }
    pb->n_totals = IMAGE_ITEM_KINDS;
}

static void report_to(struct pb_arena *arena, const struct image_report *report, Corral__ImageReport *pb)
{
    corral__image_report__init(pb);
    pb->id = (char *)(uintptr_t)report->id;
    pb->tree = (char *)(uintptr_t)report->tree;
    pb->why_partial = bytes_to(report->why_partial);
    pb->bytes = report->bytes;
    pb->visible_bytes = report->visible_bytes;
    pb->visible_files = report->visible_files;
    pb->saved_bytes = report->saved_bytes;
    pb->dockerfile = bytes_to(report->dockerfile);
    layers_to(arena, report, pb);
    items_to(arena, report, pb);
}

int image_report_pack(const struct image_report *report, uint8_t **out, size_t *len, struct err *e)
{
    struct pb_arena arena = {0};
    Corral__ImageReport pb;
    report_to(&arena, report, &pb);
    int rc = pb_pack(&pb.base, IMAGE_REPORT_MAX, out, len, e);
    pb_arena_fini(&arena);
    return rc;
}

int image_flat_pack(const struct image_flat *flat, uint8_t **out, size_t *len, struct err *e)
{
    struct pb_arena arena = {0};
    Corral__ImageFlat pb = CORRAL__IMAGE_FLAT__INIT;
    Corral__ImageReport before, after;
    report_to(&arena, &flat->before, &before);
    report_to(&arena, &flat->after, &after);
    pb.before = &before;
    pb.after = &after;
    pb.name = (char *)(uintptr_t)flat->name;
    int rc = pb_pack(&pb.base, IMAGE_FLAT_MAX, out, len, e);
    pb_arena_fini(&arena);
    return rc;
}

/* --- unpacking --- */

/* False: it has a NUL, or is too long. */
static bool text_from(char **out, ProtobufCBinaryData pb, size_t max)
{
    if (pb.len > max || (pb.len && memchr(pb.data, 0, pb.len)))
        return false;
    *out = mem_dup(pb.len ? pb.data : (const uint8_t *)"", pb.len);
    return true;
}

static bool plain_from(char *out, size_t size, ProtobufCBinaryData pb)
{
    if (pb.len >= size || (pb.len && memchr(pb.data, 0, pb.len)))
        return false;
    if (pb.len)
        memcpy(out, pb.data, pb.len);
    out[pb.len] = 0;
    return true;
}

static bool layer_from(const Corral__ImageLayer *pb, struct image_layer *layer)
{
    layer->digest = mem_strdup(pb->digest);
    layer->bytes = pb->bytes;
    layer->files = pb->files;
    layer->hidden = pb->hidden;
    layer->removes = pb->removes;
    return strlen(pb->digest) <= IMAGE_ID_LEN && pb_text_clean(pb->digest) && pb->bytes <= IMAGE_BYTES_MOST &&
           pb->files <= IMAGE_BYTES_MOST && pb->hidden <= IMAGE_BYTES_MOST &&
           pb->removes <= IMAGE_BYTES_MOST && text_from(&layer->command, pb->command, IMAGE_REPORT_TEXT_MAX);
}

static bool layers_from(const Corral__ImageReport *pb, struct image_report *report)
{
    if (pb->n_layers > IMAGE_REPORT_LAYERS)
        return false;
    report->layer = mem_zalloc((pb->n_layers + 1) * sizeof *report->layer);
    for (size_t i = 0; i < pb->n_layers; i++) {
        report->layers++;
        if (!layer_from(pb->layers[i], &report->layer[i]))
            return false;
    }
    return true;
}

static bool item_from(const Corral__ImageItem *pb, struct image_report *report)
{
    if (pb->kind >= IMAGE_ITEM_KINDS || report->items[pb->kind].count == IMAGE_REPORT_ITEMS ||
        pb->n_path > IMAGE_REPORT_PATHS || pb->bytes > IMAGE_BYTES_MOST || pb->count > IMAGE_BYTES_MOST ||
        pb->mode > 07777 || pb->layer > report->layers || pb->by > report->layers)
        return false;
    struct image_item *item = image_items_add(&report->items[pb->kind]);
    item->bytes = pb->bytes;
    item->count = pb->count;
    item->layer = pb->layer;
    item->by = pb->by;
    item->mode = pb->mode;
    item->flag = pb->flag;
    for (size_t i = 0; i < pb->n_path; i++) {
        if (!text_from(&item->path[i], pb->path[i], IMAGE_REPORT_PATH_MAX))
            return false;
        item->paths++;
    }
    return text_from(&item->text, pb->text, IMAGE_REPORT_TEXT_MAX);
}

static bool items_from(const Corral__ImageReport *pb, struct image_report *report)
{
    if (pb->n_totals != IMAGE_ITEM_KINDS)
        return false;
    for (size_t i = 0; i < pb->n_items; i++)
        if (!item_from(pb->items[i], report))
            return false;
    for (size_t kind = 0; kind < IMAGE_ITEM_KINDS; kind++) {
        struct image_items *items = &report->items[kind];
        items->total = pb->totals[kind]->count;
        items->total_bytes = pb->totals[kind]->bytes;
        if (items->total > IMAGE_BYTES_MOST || items->total_bytes > IMAGE_BYTES_MOST ||
            items->total < items->count)
            return false;
    }
    return true;
}

static bool report_from(const Corral__ImageReport *pb, struct image_report *report)
{
    report->bytes = pb->bytes;
    report->visible_bytes = pb->visible_bytes;
    report->visible_files = pb->visible_files;
    report->saved_bytes = pb->saved_bytes;
    if (pb->dockerfile.len && !text_from(&report->dockerfile, pb->dockerfile, IMAGE_DOCKERFILE_MAX))
        return false;
    return pb->bytes <= IMAGE_BYTES_MOST && pb->visible_bytes <= IMAGE_BYTES_MOST &&
           pb->visible_files <= IMAGE_BYTES_MOST && pb->saved_bytes <= IMAGE_BYTES_MOST &&
           pb_text(report->id, sizeof report->id, pb->id) &&
           pb_text(report->tree, sizeof report->tree, pb->tree) &&
           plain_from(report->why_partial, sizeof report->why_partial, pb->why_partial) &&
           layers_from(pb, report) && items_from(pb, report);
}

static int broken(struct err *e)
{
    return err_set(e, ERR_PROTOCOL, "what a node found in an image does not parse, or breaks a bound");
}

int image_report_unpack(const uint8_t *bytes, size_t len, struct image_report *report, struct err *e)
{
    ProtobufCMessage *pb = pb_unpack(&corral__image_report__descriptor, bytes, len, IMAGE_REPORT_MAX);
    memset(report, 0, sizeof *report);
    bool ok = pb && report_from((const Corral__ImageReport *)pb, report);
    if (pb)
        protobuf_c_message_free_unpacked(pb, NULL);
    if (ok)
        return 0;
    image_report_fini(report);
    return broken(e);
}

int image_flat_unpack(const uint8_t *bytes, size_t len, struct image_flat *flat, struct err *e)
{
    ProtobufCMessage *message = pb_unpack(&corral__image_flat__descriptor, bytes, len, IMAGE_FLAT_MAX);
    const Corral__ImageFlat *pb = (const Corral__ImageFlat *)message;
    memset(flat, 0, sizeof *flat);
    bool ok = pb && pb->before && pb->after && pb_text(flat->name, sizeof flat->name, pb->name) &&
              report_from(pb->before, &flat->before) && report_from(pb->after, &flat->after);
    if (message)
        protobuf_c_message_free_unpacked(message, NULL);
    if (ok)
        return 0;
    image_flat_fini(flat);
    return broken(e);
}
