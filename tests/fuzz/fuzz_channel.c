#include "tests/fuzz/target.h"

#include "controller/streams/channel_frames.h"

#include <stdlib.h>

/* The first byte says which version; the rest is a message. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (!len)
        return 0;
    bool v5 = bytes[0] & 1;
    struct channel_read read = channel_frame_read(v5, bytes + 1, len - 1);
    if (read.said == CHANNEL_SAID_INPUT && (read.bytes != bytes + 2 || read.len != len - 2 || !read.len))
        abort();
    if (read.said == CHANNEL_SAID_SIZE && (!read.rows || !read.columns))
        abort();
    if (read.said == CHANNEL_SAID_INPUT_END && !v5)
        abort();
    if ((read.said == CHANNEL_SAID_WRONG) != (read.why != NULL))
        abort();
    return 0;
}
