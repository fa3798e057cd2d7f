#include "agent/init/init_watch_out.h"

#include "agent/init/init_file_int.h"

#include <poll.h>
#include <string.h>

#define ONCE_A_BATCH (1u << INIT_CHANGE_MODIFIED | 1u << INIT_CHANGE_ATTRIBUTES | 1u << INIT_CHANGE_OVERFLOW)

static struct init_watch_seen *seen_of(struct init_watch_out *out, uint64_t key)
{
    struct init_watch_seen *seen = &out->seen[key % INIT_WATCH_SEEN];
    if (seen->key != key)
        *seen = (struct init_watch_seen){.key = key};
    if (seen->batch != out->batch)
        seen->kinds &= ~ONCE_A_BATCH;
    seen->batch = out->batch;
    return seen;
}

bool init_watch_out_is_due(struct init_watch_out *out, uint64_t key, enum init_file_change_kind kind)
{
    struct init_watch_seen *seen = seen_of(out, key);
    if (seen->kinds & 1u << kind)
        return false;
    seen->kinds |= 1u << kind;
    return true;
}

void init_watch_out_forget(struct init_watch_out *out, uint64_t key)
{
    seen_of(out, key)->kinds = 0;
}

void init_watch_out_forget_all(struct init_watch_out *out)
{
    memset(out->seen, 0, sizeof out->seen);
}

static void put(struct init_watch_out *out, const void *bytes, size_t len)
{
    memcpy(out->bytes + out->len, bytes, len);
    out->len += len;
}

void init_watch_out_put(struct init_watch_out *out, enum init_file_change_kind kind, unsigned detail,
                        const char *path, const char *from)
{
    struct init_file_change head = {.kind = (uint8_t)kind,
                                    .detail = (uint8_t)detail,
                                    .path_len = (uint16_t)strlen(path),
                                    .from_len = (uint16_t)strlen(from)};
    if (out->len + sizeof head + head.path_len + head.from_len > sizeof out->bytes)
        init_watch_out_flush(out);
    put(out, &head, sizeof head);
    put(out, path, head.path_len);
    put(out, from, head.from_len);
}

void init_watch_out_flush(struct init_watch_out *out)
{
    if (!out->len)
        return;
    if (!out->error)
        out->error = init_file_print(out->fd, out->bytes, out->len);
    out->len = 0;
    out->batch++;
    if (!out->error)
        (void)poll(NULL, 0, INIT_WATCH_PACE_MS);
}
