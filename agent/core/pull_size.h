/*
 * The size of an image during its pull, summed from the progress of each layer. The figures come from the
 * registry, so they may be false in either direction, and they are of compressed layers, so the unpacked
 * image is larger. The real size is checked after the pull. Pure.
 */
#ifndef CORRAL_AGENT_CORE_PULL_SIZE_H
#define CORRAL_AGENT_CORE_PULL_SIZE_H

#include "common/base/err.h"
#include "common/model/node_image.h"

#include <stdbool.h>
#include <stdint.h>

#define PULL_LAYERS_MAX                                                                                      \
    127                   /* Docker accepts no image with more, but reports that only after downloading it */
#define PULL_LAYER_MAX 15 /* Docker shows the first 12 characters of a digest */

/* All zero at first. */
struct pull_size {
    struct pull_layer {
        char id[PULL_LAYER_MAX + 1];
        uint64_t bytes, done_bytes; /* compressed; done_bytes: of its download, at most bytes */
        enum node_layer_state state;
    } layer[PULL_LAYERS_MAX];
    unsigned count;
};

/* What the progress says of a layer. */
struct pull_step {
    char id[PULL_LAYER_MAX + 1];
    enum node_layer_state state;
    uint64_t bytes;      /* 0: not said, or the layer is here already */
    uint64_t done_bytes; /* of a download */
};

/* Notes a step of a layer (fewer bytes than before are ignored; Docker's order of states is taken as it
 * comes, since a download may begin again). total: the sum of bytes over all layers, at most UINT64_MAX.
 * False: more than PULL_LAYERS_MAX layers. */
bool pull_size_note(struct pull_size *size, const struct pull_step *step, uint64_t *total) MUST_CHECK;

/* Fills the progress of an image whose pull is under way, all but its layers, which image->pull holds at
 * most `most` of; image->pull has room for them. */
void pull_size_tell(const struct pull_size *size, size_t most, struct node_image *image);

#endif
