/*
 * Reads an image as Docker saves it (GET /images/{id}/get): the tree of its layers, its configuration and its
 * history. The archive is read once, from its start to its end, in any order of its members.
 *
 * An image is made by anybody, so every part is bounded: the tree (agent/core/layer_tree.h), the texts of
 * JSON, the bytes in all. What is past a bound of the tree leaves the report partial; what breaks the archive
 * itself is an error. Blocks while it reads.
 */
#ifndef CORRAL_AGENT_IMAGE_IMAGE_READ_H
#define CORRAL_AGENT_IMAGE_IMAGE_READ_H

#include "agent/core/layer_report.h"
#include "agent/core/layer_tree.h"

#include <jansson.h>

#define IMAGE_JSON_MAX     (4u << 20)  /* bytes of one text */
#define IMAGE_JSON_ALL_MAX (16u << 20) /* of all */
#define IMAGE_BLOBS_MAX    2048        /* members that are a layer or a text, and links to these */

/* Reads up to len bytes; *got 0: there are no more. Returns 0 or an errno. */
typedef int image_source_fn(void *arg, void *bytes, size_t len, size_t *got);

struct image_source {
    image_source_fn *read;
    void *arg;
    uint64_t most; /* bytes of the archive; more is ERR_TOO_LARGE */
};

struct image_blob;

struct image_read {
    struct layer_tree *tree; /* settled */
    json_t *config;          /* the whole text of the image's configuration */
    struct layer_image image;
    char *digest[LAYER_SLOTS_MAX], *command[LAYER_SLOTS_MAX];
    char why_partial[IMAGE_REPORT_TEXT_MAX];
    struct image_blob *blobs;
    size_t blob_count, json_bytes;
};

/*
 * Fills *out, whose fini is due in any case. ERR_TOO_LARGE; ERR_IO: the source fails; ERR_PROTOCOL: it is no
 * image, or is damaged.
 */
int image_read(struct image_read *out, const struct image_source *source, uint64_t seed,
               struct err *e) MUST_CHECK;
void image_read_fini(struct image_read *read);

/* The report of what was read. name: for the suggested build, borrowed. */
int image_read_report(struct image_read *read, const char *id, const char *name, struct image_report *report,
                      struct err *e) MUST_CHECK;

#endif
