#include "tests/fuzz/target.h"

#include "agent/init/init_process.h"

#include <stdlib.h>
#include <string.h>

static uint8_t again[INIT_START_MAX + sizeof(struct init_head)];

static void expect_same(const struct init_frame *frame, size_t len)
{
    if (len != frame->len || memcmp(again, frame->payload, len))
        abort();
}

static void read_spawn(const struct init_frame *frame)
{
    struct init_spawn spawn;
    if (init_spawn_get(frame->payload, frame->len, &spawn))
        expect_same(frame, init_spawn_pack(again, sizeof again, &spawn));
}

static void read_process(const struct init_frame *frame)
{
    struct init_process process;
    const uint8_t *note;
    if (init_process_get(frame->payload, frame->len, &process, &note))
        expect_same(frame, init_process_pack(again, sizeof again, &process, note));
}

/* A stream of frames. A frame that can be read is written as the same bytes again. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct init_frame frame;
    struct init_start start;
    struct init_exit end;
    for (long n; (n = init_frame_get(bytes, len, &frame)) > 0; bytes += n, len -= (size_t)n) {
        if (init_frame_put(again, sizeof again, frame.type, frame.stream, frame.payload, frame.len) !=
            (size_t)n)
            abort();
        if (frame.type == INIT_START)
            (void)init_start_get(frame.payload, frame.len, &start);
        if (frame.type == INIT_ENVIRON && init_environ_get(frame.payload, frame.len, &start))
            expect_same(&frame, init_environ_pack(again, sizeof again, &start));
        if (frame.type == INIT_SPAWN)
            read_spawn(&frame);
        if (frame.type == INIT_PROCESS)
            read_process(&frame);
        if (frame.type == INIT_HELLO)
            (void)init_hello_get(frame.payload, frame.len, &(struct init_hello){0});
        if (frame.type == INIT_EXITED) {
            memcpy(&end, frame.payload, sizeof end);
            if (init_exit_valid(&end))
                (void)init_exit_status(&end);
        }
    }
    return 0;
}
