#include "agent/init/init_twins.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 256 /* a power of two; room is at least twice the count */

/* Its slot, or the free one where it belongs; the table is never full. */
static struct twin *place(const struct twins *twins, dev_t dev, ino_t ino)
{
    size_t at = (size_t)(((uint64_t)ino ^ (uint64_t)dev << 32) * 0x9e3779b97f4a7c15u >> 32);
    for (;; at++) {
        struct twin *twin = &twins->slot[at & (twins->room - 1)];
        if (!twin->path || (twin->ino == ino && twin->dev == dev))
            return twin;
    }
}

const char *twins_find(const struct twins *twins, dev_t dev, ino_t ino)
{
    return twins->room ? place(twins, dev, ino)->path : NULL;
}

/* False: no memory. */
static bool grow(struct twins *twins)
{
    struct twins old = *twins;
    size_t room = old.room ? 2 * old.room : ROOM_FIRST;
    struct twin *slot = calloc(room, sizeof *slot);
    if (!slot)
        return false;
    twins->slot = slot;
    twins->room = room;
    for (size_t i = 0; i < old.room; i++) {
        if (old.slot[i].path)
            *place(twins, old.slot[i].dev, old.slot[i].ino) = old.slot[i];
    }
    free(old.slot);
    return true;
}

void twins_add(struct twins *twins, dev_t dev, ino_t ino, const char *path)
{
    char *copy;
    if (twins->count == TWINS_MAX || (2 * (twins->count + 1) > twins->room && !grow(twins)) ||
        !(copy = strdup(path)))
        return;
    *place(twins, dev, ino) = (struct twin){dev, ino, copy};
    twins->count++;
}

void twins_fini(struct twins *twins)
{
    for (size_t i = 0; i < twins->room; i++)
        free(twins->slot[i].path);
    free(twins->slot);
    *twins = (struct twins){0};
}
