#include "tests/fuzz/target.h"

#include "common/http/http_request.h"

#include <stdlib.h>
#include <string.h>

static int body(struct http_request *r, const char *text, size_t len, size_t piece, size_t *taken)
{
    struct err e;
    int rc = 0;
    *taken = 0;
    while (!rc && !r->done && *taken < len) {
        size_t used, n = len - *taken < piece ? len - *taken : piece;
        rc = http_request_body(r, text + *taken, n, &used, &e);
        if (!rc)
            *taken += used;
    }
    return rc;
}

/* The body gives the same result byte by byte as in one piece: framing may not depend on how packets fall. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *text = (const char *)bytes;
    const char *end = memmem(text, len, "\r\n\r\n", 4);
    size_t head = end ? (size_t)(end - text) + 4 : len, taken[2];
    struct http_request r[2];
    struct err e;
    int rc[2];
    for (int i = 0; i < 2; i++) {
        http_request_init(&r[i], 1000);
        rc[i] = http_request_head(&r[i], text, head, &e);
        taken[i] = 0;
        if (!rc[i])
            rc[i] = body(&r[i], text + head, len - head, i ? 1 : len, &taken[i]);
    }
    if (rc[0] != rc[1] || r[0].done != r[1].done || (!rc[0] && taken[0] != taken[1]) ||
        r[0].body.len > 1000 || (!rc[0] && r[0].body.len != r[1].body.len))
        abort();
    http_request_fini(&r[0]);
    http_request_fini(&r[1]);
    return 0;
}
