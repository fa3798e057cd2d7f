#include "tests/fuzz/target.h"

#include "proto/node_codec.h"

#include <stdlib.h>

/* The first byte chooses what the rest is parsed as. What unpacks packs again. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct node_message message = {0};
    struct node_inventory inventory = {0};
    struct sandbox_spec spec = {0};
    struct err e;
    uint8_t *out;
    size_t n;
    if (!len)
        return 0;
    if (bytes[0] % 3 == 0 && !node_message_unpack(bytes + 1, len - 1, &message, &e)) {
        if (node_message_pack(&message, &out, &n, NULL, &e))
            abort();
        free(out);
        node_message_fini(&message);
    } else if (bytes[0] % 3 == 1 && !node_inventory_unpack(bytes + 1, len - 1, &inventory, &e)) {
        node_inventory_fini(&inventory);
    } else if (bytes[0] % 3 == 2 && !sandbox_spec_unpack(bytes + 1, len - 1, &spec, &e)) {
        sandbox_spec_fini(&spec);
    }
    return 0;
}
