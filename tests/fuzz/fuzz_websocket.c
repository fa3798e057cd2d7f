#include "tests/fuzz/target.h"

#include "common/http/websocket_frames.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 1000
#define EVENTS_MAX  70000

/* What was read, as a sum: how the bytes fall may not change it. */
struct seen {
    uint64_t sum;
    size_t events;
    bool broken;
};

static void take(struct seen *seen, const struct websocket_read *read)
{
    if (read->len > MESSAGE_MAX || seen->events++ > EVENTS_MAX)
        abort();
    seen->sum = seen->sum * 31 + (uint64_t)read->what * 7 + read->len * 3 + read->code;
    for (size_t i = 0; i < read->len; i++)
        seen->sum = seen->sum * 31 + read->bytes[i];
    seen->broken = read->what == WEBSOCKET_BROKEN;
}

static struct seen run(const uint8_t *bytes, size_t len, size_t piece)
{
    struct websocket_reader *r = websocket_reader_new(MESSAGE_MAX);
    struct seen seen = {0};
    for (size_t at = 0, n; at < len && !seen.broken; at += n) {
        struct websocket_read read = {0};
        n = len - at < piece ? len - at : piece;
        websocket_reader_put(r, bytes + at, n);
        while (!seen.broken && (read = websocket_reader_next(r)).what)
            take(&seen, &read);
        if (websocket_reader_held(r) > 2 * (MESSAGE_MAX + 1) + len)
            abort();
    }
    websocket_reader_free(r);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct seen whole = run(bytes, len, len ? len : 1), parts = run(bytes, len, 1), some = run(bytes, len, 7);
    if (whole.sum != parts.sum || whole.events != parts.events || whole.sum != some.sum)
        abort();
    return 0;
}
