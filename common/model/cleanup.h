/*
 * The cleanup's kinds, and how many of each were found and removed. Both daemons count in these. Pure.
 */
#ifndef CORRAL_COMMON_MODEL_CLEANUP_H
#define CORRAL_COMMON_MODEL_CLEANUP_H

#include "common/base/defs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cleanup_kind {
#define CLEANUP_KIND(name, text) CLEANUP_##name,
#include "common/model/cleanup.def"
#undef CLEANUP_KIND
    CLEANUP_KIND_COUNT
};

struct cleanup_counts {
    uint64_t found[CLEANUP_KIND_COUNT];
    uint64_t removed[CLEANUP_KIND_COUNT];
};

/* The kind's public name. Static; aborts on a number that is no kind. */
const char *cleanup_kind_name(enum cleanup_kind kind);

void cleanup_counts_add(struct cleanup_counts *to, const struct cleanup_counts *more);
bool cleanup_found_any(const struct cleanup_counts *counts);
bool cleanup_removed_any(const struct cleanup_counts *counts);

#define CLEANUP_TEXT_MAX 384

/* Writes found or removed as a JSON object with every kind in it. */
void cleanup_json(const uint64_t counts[static CLEANUP_KIND_COUNT], char out[static CLEANUP_TEXT_MAX]);

/* Text for the log: "volume=2/1 image=1/0", found/removed of each kind that is not 0/0, or "nothing". */
void cleanup_text(const struct cleanup_counts *counts, char out[static CLEANUP_TEXT_MAX]);

#endif
