#include "agent/core/pull_size.h"

#include <stdio.h>
#include <string.h>

static uint64_t total_of(const struct pull_size *size)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < size->count; i++)
        total = size->layer[i].bytes > UINT64_MAX - total ? UINT64_MAX : total + size->layer[i].bytes;
    return total;
}

bool pull_size_note(struct pull_size *size, const char *id, uint64_t bytes, uint64_t *total)
{
    char name[PULL_LAYER_MAX + 1];
    unsigned i = 0;
    snprintf(name, sizeof name, "%s", id);
    while (i < size->count && strcmp(size->layer[i].id, name))
        i++;
    if (i == PULL_LAYERS_MAX)
        return false;
    if (i == size->count) {
        memcpy(size->layer[i].id, name, sizeof name);
        size->count++;
    }
    if (size->layer[i].bytes < bytes)
        size->layer[i].bytes = bytes;
    *total = total_of(size);
    return true;
}
