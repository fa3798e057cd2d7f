#include "common/model/image_report.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

static void item_fini(struct image_item *item)
{
    for (size_t i = 0; i < item->paths; i++)
        free(item->path[i]);
    free(item->text);
}

void image_report_fini(struct image_report *report)
{
    for (size_t i = 0; i < report->layers; i++) {
        free(report->layer[i].digest);
        free(report->layer[i].command);
    }
    free(report->layer);
    for (size_t kind = 0; kind < IMAGE_ITEM_KINDS; kind++) {
        for (size_t i = 0; i < report->items[kind].count; i++)
            item_fini(&report->items[kind].item[i]);
        free(report->items[kind].item);
    }
    free(report->dockerfile);
    *report = (struct image_report){0};
}

struct image_item *image_items_add(struct image_items *items)
{
    items->item = mem_grow(items->item, items->count + 1, sizeof *items->item);
    items->item[items->count] = (struct image_item){0};
    return &items->item[items->count++];
}

void image_item_path(struct image_item *item, const char *path)
{
    if (item->paths < IMAGE_REPORT_PATHS)
        item->path[item->paths++] = mem_dup(path, strnlen(path, IMAGE_REPORT_PATH_MAX));
}
