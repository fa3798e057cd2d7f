#include "tests/fuzz/target.h"

#include "controller/ports/port_head.h"
#include "controller/ports/port_request.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX "/p/abcdefghijklmnopqrstuvwxyz234567"

/* Whether this is lines of headers and nothing else, so that what a client gets cannot be read in another
 * way. */
static void check_lines(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\r' && (i + 1 == len || text[i + 1] != '\n'))
            abort();
        if (text[i] == '\n' && (!i || text[i - 1] != '\r' || (i >= 3 && text[i - 2] == '\n')))
            abort();
        if (!text[i] || (text[i] == '\n' && i + 1 < len && (text[i + 1] == ' ' || text[i + 1] == '\t')))
            abort();
    }
    if (len && text[len - 1] != '\n')
        abort();
}

static void check_head(const struct port_head *head, const char *prefix, bool is_head)
{
    if (head->status < 100 || head->status > 599 || (head->body == PORT_BODY_LENGTH && !head->has_length) ||
        ((is_head || head->status == 204 || head->status == 304) && head->body != PORT_BODY_NONE) ||
        (head->status == 101) != (head->upgrade[0] != 0))
        abort();
    if (!head->lines.data)
        return;
    check_lines(head->lines.data, head->lines.len);
    if (strlen(head->lines.data) != head->lines.len)
        abort();
    static const char *const never[] = {
        "\r\ncontent-length:", "\r\ntransfer-encoding:", "\r\nconnection:", NULL};
    for (const char *const *name = never; *name; name++) {
        if (strcasestr(head->lines.data, *name))
            abort();
    }
    if (prefix[0] && !strstr(head->lines.data, "Content-Security-Policy: sandbox"))
        abort();
}

/* A head is read in the same way whatever follows it, and not before it is there. */
static void fuzz_head(const char *text, size_t len, const char *prefix, bool is_head)
{
    const struct port_outside outside = {prefix, "127.0.0.1:3001", 8000};
    struct port_head head, again;
    struct err e;
    long n = port_head_read(text, len, &outside, is_head, &head, &e);
    if (n <= 0)
        return;
    check_head(&head, prefix, is_head);
    if ((size_t)n > len || port_head_read(text, (size_t)n - 1, &outside, is_head, &again, &e) > 0 ||
        port_head_read(text, (size_t)n, &outside, is_head, &again, &e) != n ||
        again.lines.len != head.lines.len)
        abort();
    port_head_fini(&head);
    port_head_fini(&again);
}

static void fuzz_place(const char *text)
{
    struct port_place place;
    char prefix[PORT_PREFIX_MAX + 1];
    if (!port_place_find(text, "ports.example", text, &place))
        return;
    port_place_prefix(&place, prefix);
    if (strlen(place.token) != PORT_TOKEN_LEN || (place.in_path && place.path[0] && place.path[0] != '/') ||
        (place.in_path && strncmp(text, prefix, strlen(prefix))))
        abort();
    (void)port_list_has(text, "close");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (!len)
        return 0;
    char *text = malloc(len);
    memcpy(text, bytes + 1, len - 1);
    text[len - 1] = 0;
    fuzz_place(text);
    fuzz_head(text, len - 1, bytes[0] & 1 ? PREFIX : "", bytes[0] & 2);
    free(text);
    return 0;
}
