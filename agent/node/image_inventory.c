#include "agent/node/image_inventory.h"

#include "common/base/mem.h"
#include "common/model/image_ref.h"

#include <stdio.h>
#include <string.h>

void image_digest_in(const struct string_list *names, const char *ref,
                     char digest[static NODE_IMAGE_DIGEST_MAX + 1])
{
    struct image_ref of, name;
    digest[0] = 0;
    if (!image_ref_parse(ref, &of))
        return;
    for (size_t i = 0; i < names->count && !digest[0]; i++) {
        if (image_ref_parse(names->item[i], &name) && name.digest[0] && !strcmp(name.registry, of.registry) &&
            !strcmp(name.path, of.path) && (!of.digest[0] || !strcmp(of.digest, name.digest)))
            snprintf(digest, NODE_IMAGE_DIGEST_MAX + 1, "%s", name.digest);
    }
}

struct node_image *image_inventory_find(const struct node_images *set, const char *ref)
{
    for (size_t i = 0; i < set->count; i++) {
        if (!strcmp(set->image[i].ref, ref))
            return &set->image[i];
    }
    return NULL;
}

struct inventory {
    uint64_t now;
    const struct image_memory *memory;
    const struct docker_listed *containers;
    size_t container_count;
    struct node_images *set;
};

static void note_memory(const struct inventory *inventory, struct node_image *image)
{
    uint64_t used_ms = 0;
    for (size_t i = 0; i < inventory->memory->count; i++) {
        const struct image_entry *entry = &inventory->memory->item[i];
        if (strcmp(entry->id, image->id))
            continue;
        image->pulled = image->used = true;
        if (entry->used_ms > used_ms)
            used_ms = entry->used_ms;
    }
    if (image->used && inventory->now > used_ms)
        image->used_ago_ms = inventory->now - used_ms;
}

static void add(const struct inventory *inventory, const struct docker_stored *stored, const char *ref)
{
    struct node_images *set = inventory->set;
    if (strlen(ref) > NODE_IMAGE_REF_MAX || strlen(stored->id) > NODE_IMAGE_ID_MAX ||
        set->count == IMAGE_INVENTORY_MAX || image_inventory_find(set, ref))
        return;
    struct node_image *image = &set->image[set->count++];
    *image = (struct node_image){.state = NODE_IMAGE_PRESENT, .size_bytes = stored->size_bytes};
    snprintf(image->ref, sizeof image->ref, "%s", ref);
    snprintf(image->id, sizeof image->id, "%s", stored->id);
    image_digest_in(&stored->names, ref, image->digest);
    if (stored->created_wall_ms && inventory->now > stored->created_wall_ms)
        image->created_ago_ms = inventory->now - stored->created_wall_ms;
    for (size_t i = 0; i < inventory->container_count; i++)
        image->in_use += !strcmp(inventory->containers[i].image, stored->id);
    note_memory(inventory, image);
}

/* Whether the image has a name with a tag in the repository of this digest: that one is told. */
static bool has_tag(const struct inventory *inventory, const struct docker_stored *stored,
                    const struct image_ref *digest)
{
    struct image_ref name;
    for (size_t i = 0; i < inventory->set->count; i++) {
        const struct node_image *image = &inventory->set->image[i];
        if (!strcmp(image->id, stored->id) && image_ref_parse(image->ref, &name) && !name.digest[0] &&
            !strcmp(name.registry, digest->registry) && !strcmp(name.path, digest->path))
            return true;
    }
    return false;
}

static void add_names(const struct inventory *inventory, const struct docker_stored *stored, bool digests)
{
    struct image_ref name;
    char full[IMAGE_REF_FULL_MAX];
    for (size_t i = 0; i < stored->names.count; i++) {
        if (!image_ref_parse(stored->names.item[i], &name) || !name.digest[0] == digests ||
            (digests && has_tag(inventory, stored, &name)))
            continue;
        image_ref_full(&name, full);
        add(inventory, stored, full);
    }
}

static void add_remembered(const struct inventory *inventory, const struct docker_stored *stored)
{
    struct image_ref name;
    for (size_t i = 0; i < inventory->memory->count; i++) {
        const struct image_entry *entry = &inventory->memory->item[i];
        if (!strcmp(entry->id, stored->id) && image_ref_parse(entry->ref, &name) && !name.digest[0])
            add(inventory, stored, entry->ref);
    }
}

void image_inventory(uint64_t now, const struct image_memory *memory, const struct docker_stored *stored,
                     size_t count, const struct docker_listed *containers, size_t container_count,
                     struct node_images *set)
{
    struct inventory inventory = {now, memory, containers, container_count, set};
    *set = (struct node_images){.image = mem_zalloc(IMAGE_INVENTORY_MAX * sizeof *set->image)};
    for (size_t i = 0; i < count; i++)
        add_remembered(&inventory, &stored[i]);
    for (size_t i = 0; i < count; i++)
        add_names(&inventory, &stored[i], false);
    for (size_t i = 0; i < count; i++)
        add_names(&inventory, &stored[i], true);
}
