#include "agent/node/image_garbage.h"

#include "agent/agent_state.h"
#include "agent/node/image_orders.h"
#include "agent/node/images.h"

#include "common/base/mem.h"
#include "common/model/image_ref.h"

#include <stdlib.h>
#include <string.h>

struct search {
    struct agent *agent;
    uint64_t keep_ms;
    bool dry_run;
    image_garbage_cb *cb;
    void *arg;
    struct docker_stored *stored; /* id and size only */
    size_t count;
};

static void end(struct search *search, int code, const struct err *e, const struct image_garbage *items,
                size_t count)
{
    search->cb(search->arg, code, e, items, count);
    free(search->stored);
    free(search);
}

static uint64_t size_of(const struct search *search, const char *id)
{
    for (size_t i = 0; i < search->count; i++) {
        if (!strcmp(search->stored[i].id, id))
            return search->stored[i].size_bytes;
    }
    return 0; /* it is gone, or Docker's list was too long */
}

static bool is_in_use(const struct docker_listed *containers, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(containers[i].image, id))
            return true;
    }
    return false;
}

static bool is_base(const struct agent *agent, const char *ref)
{
    struct image_ref base;
    return image_ref_parse(agent->base.name, &base) && image_ref_is(&base, ref);
}

/* A disk that cannot be seen removes nothing; doctor says so. */
static struct gc_rules rules_of(const struct search *search)
{
    const struct agent_conf *conf = search->agent->conf;
    struct docker_disk disk = {0};
    if (docker_disk(search->agent->docker_facts.root_dir, &disk, NULL))
        disk = (struct docker_disk){0};
    return (struct gc_rules){.keep_ms = search->keep_ms,
                             .disk_bytes = disk.bytes,
                             .disk_free_bytes = disk.free_bytes,
                             .high_percent = (unsigned)conf->image_disk_high_percent,
                             .low_percent = (unsigned)conf->image_disk_low_percent};
}

/* So that the time for which they stay begins with the end of their last container. */
static void note_uses(const struct search *search, const struct gc_image *images, size_t count)
{
    for (size_t i = 0; i < count && !search->dry_run; i++) {
        if (images[i].in_use)
            agent_image_used(search->agent, images[i].ref);
    }
}

static struct gc_image *images_of(const struct search *search, const struct docker_listed *containers,
                                  size_t count)
{
    const struct image_memory *memory = &search->agent->images;
    struct gc_image *images = mem_zalloc((memory->count + 1) * sizeof *images);
    for (size_t i = 0; i < memory->count; i++) {
        const struct image_entry *entry = &memory->item[i];
        images[i] = (struct gc_image){.ref = entry->ref,
                                      .id = entry->id,
                                      .size_bytes = size_of(search, entry->id),
                                      .used_ms = entry->used_ms,
                                      .pulled = true,
                                      .in_use = is_in_use(containers, count, entry->id),
                                      .kept = is_base(search->agent, entry->ref) ||
                                              image_orders_keeps(search->agent->image_orders, entry->ref)};
    }
    return images;
}

static void on_containers(void *arg, int code, const struct err *e, const struct docker_listed *containers,
                          size_t containers_count)
{
    struct search *search = arg;
    if (code) {
        end(search, code, e, NULL, 0);
        return;
    }
    size_t count = search->agent->images.count;
    struct gc_rules rules = rules_of(search);
    struct gc_image *images = images_of(search, containers, containers_count);
    note_uses(search, images, count);
    enum gc_reason *reasons = mem_zalloc((count + 1) * sizeof *reasons);
    size_t *order = mem_zalloc((count + 1) * sizeof *order);
    size_t gone = image_gc(wall_now_ms(), &rules, images, count, reasons, order);
    struct image_garbage *items = mem_zalloc((gone + 1) * sizeof *items);
    for (size_t i = 0; i < gone; i++)
        items[i] = (struct image_garbage){images[order[i]], reasons[order[i]]};
    end(search, 0, NULL, items, gone);
    free(items);
    free(order);
    free(reasons);
    free(images);
}

/* Without the list, because it is too long, no size is known: only names unused for long go. */
static void on_images(void *arg, int code, const struct err *e, const struct docker_stored *items,
                      size_t count)
{
    struct search *search = arg;
    if (code && code != ERR_TOO_LARGE) {
        end(search, code, e, NULL, 0);
        return;
    }
    search->count = code ? 0 : count;
    search->stored = mem_zalloc((search->count + 1) * sizeof *search->stored);
    for (size_t i = 0; i < search->count; i++) {
        search->stored[i].size_bytes = items[i].size_bytes;
        memcpy(search->stored[i].id, items[i].id, sizeof items[i].id);
    }
    docker_container_list(search->agent->docker, on_containers, search);
}

void image_garbage_find(struct agent *agent, uint64_t keep_ms, bool dry_run, image_garbage_cb *cb, void *arg)
{
    struct search *search = mem_zalloc(sizeof *search);
    *search = (struct search){.agent = agent, .keep_ms = keep_ms, .dry_run = dry_run, .cb = cb, .arg = arg};
    docker_image_list(agent->docker, on_images, search);
}
