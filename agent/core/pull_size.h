/*
 * How large an image is that is being pulled, by what its progress tells of each layer: its registry's words,
 * so they may lie either way, and compressed, so the image is larger. What came is looked at once more. Pure.
 */
#ifndef CORRAL_AGENT_CORE_PULL_SIZE_H
#define CORRAL_AGENT_CORE_PULL_SIZE_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define PULL_LAYERS_MAX 127 /* more Docker takes of no image, and says so once they have come */
#define PULL_LAYER_MAX  15  /* Docker tells the first 12 characters of a digest */

/* All zero at first. */
struct pull_size {
    struct {
        char id[PULL_LAYER_MAX + 1];
        uint64_t bytes;
    } layer[PULL_LAYERS_MAX];
    unsigned count;
};

/* A layer has this many bytes, or more than was known; 0: it is there. Those of all are put into total,
 * UINT64_MAX for more. False: there are more than PULL_LAYERS_MAX. */
bool pull_size_note(struct pull_size *size, const char *id, uint64_t bytes, uint64_t *total) MUST_CHECK;

#endif
