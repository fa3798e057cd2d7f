/* Shared by the files of the report; private to them. */
#ifndef CORRAL_AGENT_CORE_LAYER_REPORT_INT_H
#define CORRAL_AGENT_CORE_LAYER_REPORT_INT_H

#include "agent/core/layer_report.h"

struct layer_cache {
    const char *path, *what;
    bool rids;
};
extern const struct layer_cache layer_caches[];
extern const size_t layer_caches_count;

/* The row that a path belongs to; -1: none. */
int layer_cache_of(const char *path);

/* By row of layer_caches: what is visible of it. */
struct layer_cached {
    uint64_t bytes, files;
    uint64_t by_layer[LAYER_SLOTS_MAX];
};

/* layer_advice.c: adds the advice and the suggested build. copied: bytes of each layer whose content an
 * earlier layer has at the same path. */
void layer_advise(const struct layer_tree *tree, const struct layer_image *image,
                  const struct layer_cached *cached, const uint64_t *copied, struct image_report *report);

#endif
