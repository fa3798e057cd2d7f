#include "agent/core/image_gc.h"

#include <stdlib.h>
#include <string.h>

static bool may_go(const struct gc_image *image)
{
    return image->pulled && !image->in_use && !image->kept;
}

static bool unused_for(const struct gc_image *image, uint64_t now, uint64_t ms)
{
    return now > image->used_ms && now - image->used_ms >= ms;
}

/* By last use, then by name: the order of the list, which Docker gives, decides nothing. */
static int by_use(const void *a, const void *b, void *arg)
{
    const struct gc_image *images = arg, *x = &images[*(const size_t *)a], *y = &images[*(const size_t *)b];
    return x->used_ms != y->used_ms ? (x->used_ms < y->used_ms ? -1 : 1) : strcmp(x->ref, y->ref);
}

/* Whether all names of the image go, so that its bytes become free. */
static bool all_go(const struct gc_image *images, const enum gc_reason *reasons, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(images[i].id, id) && reasons[i] == GC_STAYS)
            return false;
    }
    return true;
}

/* Whether a name of the image stays whatever the disk needs: its other names would free nothing. */
static bool is_held(const struct gc_image *images, const enum gc_reason *reasons, size_t count, uint64_t now,
                    const char *id)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(images[i].id, id) && reasons[i] == GC_STAYS &&
            (!may_go(&images[i]) || !unused_for(&images[i], now, IMAGE_GC_FRESH_MS)))
            return true;
    }
    return false;
}

/* percent of bytes, without overflow. */
static uint64_t part_of(uint64_t bytes, unsigned percent)
{
    return bytes / 100 * percent + bytes % 100 * percent / 100;
}

uint64_t image_gc_excess(const struct gc_rules *rules)
{
    uint64_t free = rules->disk_free_bytes < rules->disk_bytes ? rules->disk_free_bytes : rules->disk_bytes;
    uint64_t used = rules->disk_bytes - free;
    unsigned low = rules->low_percent < rules->high_percent ? rules->low_percent : rules->high_percent;
    if (used <= part_of(rules->disk_bytes, rules->high_percent))
        return 0;
    return used - part_of(rules->disk_bytes, low);
}

/* What the names that go already free: each image once. */
static uint64_t freed(const struct gc_image *images, const enum gc_reason *reasons, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        bool first = reasons[i] != GC_STAYS && all_go(images, reasons, count, images[i].id);
        for (size_t j = 0; j < i && first; j++)
            first = strcmp(images[j].id, images[i].id);
        sum += first ? images[i].size_bytes : 0;
    }
    return sum;
}

size_t image_gc(uint64_t now, const struct gc_rules *rules, const struct gc_image *images, size_t count,
                enum gc_reason *reasons, size_t *order)
{
    size_t gone = 0;
    for (size_t i = 0; i < count; i++) {
        order[i] = i;
        reasons[i] = may_go(&images[i]) && unused_for(&images[i], now, rules->keep_ms) ? GC_AGE : GC_STAYS;
    }
    qsort_r(order, count, sizeof *order, by_use, (void *)(uintptr_t)images);
    uint64_t excess = image_gc_excess(rules), sum = freed(images, reasons, count);
    for (size_t i = 0; i < count && sum < excess; i++) {
        const struct gc_image *image = &images[order[i]];
        if (reasons[order[i]] != GC_STAYS || is_held(images, reasons, count, now, image->id))
            continue;
        reasons[order[i]] = GC_DISK;
        if (all_go(images, reasons, count, image->id))
            sum += image->size_bytes;
    }
    for (size_t i = 0; i < count; i++) {
        if (reasons[order[i]] != GC_STAYS)
            order[gone++] = order[i];
    }
    return gone;
}
