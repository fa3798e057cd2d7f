/*
 * The size of an image during its pull, summed from the progress of each layer. The figures come from the
 * registry, so they may be false in either direction, and they are of compressed layers, so the unpacked
 * image is larger. The real size is checked after the pull. Pure.
 */
#ifndef CORRAL_AGENT_CORE_PULL_SIZE_H
#define CORRAL_AGENT_CORE_PULL_SIZE_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define PULL_LAYERS_MAX                                                                                      \
    127                   /* Docker accepts no image with more, but reports that only after downloading it */
#define PULL_LAYER_MAX 15 /* Docker shows the first 12 characters of a digest */

/* All zero at first. */
struct pull_size {
    struct {
        char id[PULL_LAYER_MAX + 1];
        uint64_t bytes;
    } layer[PULL_LAYERS_MAX];
    unsigned count;
};

/* Notes the bytes of a layer (a smaller figure than before is ignored; 0: the layer is here already). total:
 * the sum over all layers, at most UINT64_MAX. False: more than PULL_LAYERS_MAX layers. */
bool pull_size_note(struct pull_size *size, const char *id, uint64_t bytes, uint64_t *total) MUST_CHECK;

#endif
