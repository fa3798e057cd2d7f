/*
 * The sweep's kinds, and how many of each were found and removed. Both daemons count in these. Pure.
 */
#ifndef CORRAL_COMMON_SWEEP_H
#define CORRAL_COMMON_SWEEP_H

#include "common/base/defs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sweep_kind {
#define SWEEP(name, text) SWEEP_##name,
#include "common/model/sweep.def"
#undef SWEEP
    SWEEP_KIND_COUNT
};

struct sweep_counts {
    uint64_t found[SWEEP_KIND_COUNT];
    uint64_t removed[SWEEP_KIND_COUNT];
};

/* The kind's public name. Static; aborts on a number that is no kind. */
const char *sweep_kind_name(enum sweep_kind kind);

void sweep_counts_add(struct sweep_counts *to, const struct sweep_counts *more);
bool sweep_found_any(const struct sweep_counts *counts);
bool sweep_removed_any(const struct sweep_counts *counts);

#define SWEEP_TEXT_MAX 384

/* One of the two as a JSON object, every kind in it. */
void sweep_json(const uint64_t counts[static SWEEP_KIND_COUNT], char out[static SWEEP_TEXT_MAX]);

/* For a line of the log: "volume=2/1 image=1/0", found and removed, those that are not 0; "nothing". */
void sweep_text(const struct sweep_counts *counts, char out[static SWEEP_TEXT_MAX]);

#endif
