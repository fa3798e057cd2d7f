#include "controller/nodes/warm_spec.h"

#include "proto/node_codec.h"

int warm_spec_pack(const struct warm_class *class, uint8_t **out, size_t *len, struct err *e)
{
    struct sandbox_spec spec = {.image = (char *)(uintptr_t) class->image, .shm_bytes = class->shm_bytes};
    return sandbox_spec_pack(&spec, out, len, e);
}
