/*
 * The images that this agent pulled, and when each was last used: only these may a cleanup remove. Times are
 * of the wall clock, since they outlive the boot. Pure.
 */
#ifndef CORRAL_AGENT_CORE_IMAGE_MEMORY_H
#define CORRAL_AGENT_CORE_IMAGE_MEMORY_H

#include "common/base/defs.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_MEMORY_MAX 1024 /* where it is full, the longest unused is forgotten, and stays on the node */
#define IMAGE_NAME_MAX   512
#define IMAGE_ID_MAX     79
#define IMAGE_NOTE_MS    600000 /* a use is worth a write this long after the one before */

struct image_entry {
    char ref[IMAGE_NAME_MAX + 1]; /* as it was asked for */
    char id[IMAGE_ID_MAX + 1];    /* what came */
    uint64_t used_ms;
};

/* All zero at the start. */
struct image_memory {
    struct image_entry *item;
    size_t count;
};
void image_memory_fini(struct image_memory *memory);

/* It was pulled. Names that do not fit, or have spaces, are left out: nobody removes them. */
void image_memory_pulled(struct image_memory *memory, uint64_t now, const char *ref, const char *id);

/* A sandbox is made of it, or has it. Returns whether that is to be written down. */
bool image_memory_used(struct image_memory *memory, uint64_t now, const char *ref);

/* It is gone, or is another image now. */
void image_memory_forget(struct image_memory *memory, const char *ref);

/* Whether nobody used it for keep_ms. */
bool image_entry_due(const struct image_entry *entry, uint64_t now, uint64_t keep_ms);

/* Borrowed; NULL where it is not known. */
const struct image_entry *image_memory_find(const struct image_memory *memory, const char *ref);

/* The file's text (to be freed), and back; ERR_PROTOCOL for a text that is none, and memory is empty then. */
char *image_memory_format(const struct image_memory *memory);
int image_memory_parse(const char *text, struct image_memory *memory, struct err *e) MUST_CHECK;

#endif
