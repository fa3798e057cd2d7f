#include "tests/fuzz/target.h"

#include "agent/init/init_proto.h"

#include <stdlib.h>
#include <string.h>

/* A stream of frames. What is read writes the same bytes again. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static uint8_t again[INIT_START_MAX + sizeof(struct init_head)];
    struct init_frame frame;
    struct init_start start;
    struct init_exit end;
    for (long n; (n = init_frame_get(bytes, len, &frame)) > 0; bytes += n, len -= (size_t)n) {
        if (init_frame_put(again, sizeof again, frame.type, frame.stream, frame.payload, frame.len) !=
            (size_t)n)
            abort();
        if (frame.type == INIT_START)
            (void)init_start_get(frame.payload, frame.len, &start);
        if (frame.type == INIT_EXITED) {
            memcpy(&end, frame.payload, sizeof end);
            if (init_exit_valid(&end))
                (void)init_exit_status(&end);
        }
    }
    return 0;
}
