#include "agent/core/pull_size.h"

#include <string.h>

static uint64_t total_of(const struct pull_size *size)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < size->count; i++)
        total = size->layer[i].bytes > UINT64_MAX - total ? UINT64_MAX : total + size->layer[i].bytes;
    return total;
}

static void take(struct pull_layer *layer, const struct pull_step *step)
{
    if (layer->bytes < step->bytes)
        layer->bytes = step->bytes;
    layer->state = step->state;
    if (step->state >= NODE_LAYER_EXTRACTING)
        layer->done_bytes = layer->bytes;
    else if (step->state == NODE_LAYER_DOWNLOADING)
        layer->done_bytes = step->done_bytes < layer->bytes ? step->done_bytes : layer->bytes;
}

bool pull_size_note(struct pull_size *size, const struct pull_step *step, uint64_t *total)
{
    unsigned i = 0;
    while (i < size->count && strcmp(size->layer[i].id, step->id))
        i++;
    if (i == PULL_LAYERS_MAX)
        return false;
    if (i == size->count) {
        memcpy(size->layer[i].id, step->id, sizeof step->id);
        size->count++;
    }
    take(&size->layer[i], step);
    *total = total_of(size);
    return true;
}

void pull_size_tell(const struct pull_size *size, size_t most, struct node_image *image)
{
    image->layers_total = size->count;
    image->layers_done = image->done_bytes = 0;
    image->total_bytes = total_of(size);
    image->pull_count = size->count < most ? size->count : most;
    for (unsigned i = 0; i < size->count; i++) {
        const struct pull_layer *layer = &size->layer[i];
        image->layers_done += layer->state == NODE_LAYER_DONE;
        image->done_bytes = layer->done_bytes > UINT64_MAX - image->done_bytes
                                ? UINT64_MAX
                                : image->done_bytes + layer->done_bytes;
        if (i >= image->pull_count)
            continue;
        struct node_image_layer *to = &image->pull[i];
        *to = (struct node_image_layer){
            .state = layer->state, .done_bytes = layer->done_bytes, .total_bytes = layer->bytes};
        memcpy(to->id, layer->id, sizeof to->id);
    }
}
