/* The members of an archive of an image that matter, by their names. */
#include "agent/image/image_read_int.h"

#include "common/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void image_read_partial(struct image_read *read, const char *format, ...)
{
    va_list args;
    if (read->why_partial[0])
        return;
    va_start(args, format);
    vsnprintf(read->why_partial, sizeof read->why_partial, format, args);
    va_end(args);
}

struct image_blob *image_blob_add(struct image_read *out, const char *name)
{
    if (out->blob_count == IMAGE_BLOBS_MAX || strlen(name) > BLOB_NAME_MAX)
        return NULL;
    out->blobs = mem_grow(out->blobs, out->blob_count + 1, sizeof *out->blobs);
    struct image_blob *blob = &out->blobs[out->blob_count++];
    *blob = (struct image_blob){.slot = LAYER_NONE};
    memcpy(blob->name, name, strlen(name) + 1);
    return blob;
}

static const struct image_blob *find_named(const struct image_read *read, const char *name)
{
    for (size_t i = 0; i < read->blob_count; i++)
        if (!strcmp(read->blobs[i].name, name))
            return &read->blobs[i];
    return NULL;
}

const struct image_blob *image_blob_find(const struct image_read *read, const char *name)
{
    const struct image_blob *blob = find_named(read, name);
    for (int links = 0; blob && blob->target[0] && links < 4; links++)
        blob = find_named(read, blob->target);
    return blob;
}
