#include "tests/fuzz/target.h"

#include "cli/sse_reader.h"

#include <stdlib.h>
#include <string.h>

/* Server-Sent Events, as a server that is not ours may send them. The first byte: how long the pieces are.
 * What comes in pieces is what comes at once. */

struct seen {
    unsigned count;
    size_t bytes;
};

static void on_event(void *arg, const char *data)
{
    struct seen *seen = arg;
    seen->count++;
    seen->bytes += strlen(data);
}

static struct seen feed(const char *bytes, size_t len, size_t piece)
{
    struct seen seen = {0};
    struct sse_reader r = {.cb = on_event, .arg = &seen};
    for (size_t at = 0; at < len; at += piece) {
        if (!sse_reader_take(&r, bytes + at, len - at < piece ? len - at : piece))
            break;
    }
    if (strlen(r.last) > SSE_ID_MAX)
        abort();
    sse_reader_fini(&r);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct seen whole = feed((const char *)data + 1, size - 1, size),
                pieces = feed((const char *)data + 1, size - 1, data[0] + 1u);
    if (whole.count != pieces.count || whole.bytes != pieces.bytes)
        abort();
    return 0;
}
