/* Shared by the files that read an image; private to them. */
#ifndef CORRAL_AGENT_IMAGE_IMAGE_READ_INT_H
#define CORRAL_AGENT_IMAGE_IMAGE_READ_INT_H

#include "agent/image/image_read.h"

#define BLOB_NAME_MAX 300

/* A member of the archive: a layer, a text, or a link to one of these. */
struct image_blob {
    char name[BLOB_NAME_MAX + 1];
    char target[BLOB_NAME_MAX + 1]; /* of a link; else "" */
    char *json;                     /* NULL: it is no text */
    size_t json_len;
    uint32_t slot; /* LAYER_NONE: it is no layer */
};

/* image_blob.c. NULL: there are too many, or its name is too long. */
struct image_blob *image_blob_add(struct image_read *read, const char *name);

/* The blob of this name, which a link may lead to; NULL: there is none. */
const struct image_blob *image_blob_find(const struct image_read *read, const char *name);

/* image_manifest.c: finds the layers' order, configuration and history, and settles the tree. ERR_PROTOCOL.
 */
int image_manifest_take(struct image_read *read, struct err *e) MUST_CHECK;

/* image_layer.c: reads the entries of a layer out of its archive. Damage is told in why_partial. */
struct init_tar;
int image_layer_take(struct image_read *read, struct init_tar *tar, uint64_t base, struct err *e) MUST_CHECK;

/* Says why the report is partial, unless it is said already. */
void image_read_partial(struct image_read *read, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
