#include "tests/fuzz/target.h"

#include "cli/session_end.h"
#include "cli/upgrade.h"
#include "common/http/websocket_frames.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 1000

/* What follows an answer: frames of a server. */
static void read_frames(const char *bytes, size_t len)
{
    struct websocket_reader *r = websocket_reader_of_server(MESSAGE_MAX);
    struct websocket_read read;
    websocket_reader_put(r, bytes, len);
    do {
        char *why = NULL;
        read = websocket_reader_next(r);
        if (read.len > MESSAGE_MAX)
            abort();
        if (read.what == WEBSOCKET_BINARY)
            (void)session_end_read(read.bytes, read.len, &why);
        free(why);
    } while (read.what && read.what != WEBSOCKET_BROKEN);
    websocket_reader_free(r);
}

static struct upgrade run(const char *bytes, size_t len, size_t piece, size_t *left)
{
    struct text request = {0};
    struct upgrade u;
    size_t at = 0;
    upgrade_begin(&u, "h", "/", "key", &request);
    text_fini(&request);
    strcpy(u.key, "dGhlIHNhbXBsZSBub25jZQ==");
    for (size_t n, used = 1; at < len && u.state == UPGRADE_MORE && used; at += used) {
        n = len - at < piece ? len - at : piece;
        used = upgrade_read(&u, bytes + at, n);
    }
    upgrade_eof(&u);
    if (u.state == UPGRADE_MORE || u.body.len > UPGRADE_BODY_MAX)
        abort();
    *left = len - at;
    return u;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    size_t left, left_of_parts;
    struct upgrade whole = run((const char *)bytes, len, len ? len : 1, &left),
                   parts = run((const char *)bytes, len, 1, &left_of_parts);
    if (whole.state != parts.state || whole.status != parts.status)
        abort();
    if (whole.state == UPGRADE_OPEN && (left != left_of_parts || whole.pid != parts.pid))
        abort();
    if (whole.state == UPGRADE_OPEN)
        read_frames((const char *)bytes + len - left, left);
    upgrade_fini(&whole);
    upgrade_fini(&parts);
    return 0;
}
