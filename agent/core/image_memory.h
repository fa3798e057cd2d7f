/*
 * The images that this agent pulled, and when each was last used. A cleanup may remove only these. Times are
 * wall clock, because they outlive the boot. Pure.
 */
#ifndef CORRAL_AGENT_CORE_IMAGE_MEMORY_H
#define CORRAL_AGENT_CORE_IMAGE_MEMORY_H

#include "common/base/defs.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_MEMORY_MAX 1024 /* when full, the one unused for longest is forgotten and stays on the node */
#define IMAGE_NAME_MAX   512
#define IMAGE_ID_MAX     79
#define IMAGE_NOTE_MS    600000 /* a new use is saved only this long after the one before */

struct image_entry {
    char ref[IMAGE_NAME_MAX + 1]; /* the reference that was asked for */
    char id[IMAGE_ID_MAX + 1];    /* the image that it named */
    uint64_t used_ms;
};

/* All zero at the start. */
struct image_memory {
    struct image_entry *item;
    size_t count;
};
void image_memory_fini(struct image_memory *memory);

/* An image was pulled. Names that are too long or contain spaces are not noted, so a cleanup never removes
 * them. */
void image_memory_pulled(struct image_memory *memory, uint64_t now, const char *ref, const char *id);

/* A sandbox uses the image. Returns whether the list is to be saved. */
bool image_memory_used(struct image_memory *memory, uint64_t now, const char *ref);

/* The reference is gone, or names another image now. */
void image_memory_forget(struct image_memory *memory, const char *ref);

/* Whether it was unused for keep_ms. */
bool image_entry_due(const struct image_entry *entry, uint64_t now, uint64_t keep_ms);

/* Borrowed; NULL if it is not known. */
const struct image_entry *image_memory_find(const struct image_memory *memory, const char *ref);

/* The file's text (the caller frees it), and back. ERR_PROTOCOL if the text is no such file; memory is then
 * empty. */
char *image_memory_format(const struct image_memory *memory);
int image_memory_parse(const char *text, struct image_memory *memory, struct err *e) MUST_CHECK;

#endif
