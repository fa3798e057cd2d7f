#include "common/model/file_list.h"

#include <string.h>

/* As struct init_file_entry. */
struct head {
    uint8_t type, zero;
    uint16_t name_len, target_len, zero_too;
    uint32_t mode, zero_again;
    uint64_t size;
    int64_t modified_ms;
};

const char *file_type_name(unsigned type)
{
    static const char *const names[FILE_TYPES] = {NULL,   "file",   "directory",        "symlink",
                                                  "fifo", "socket", "character_device", "block_device"};
    return type < FILE_TYPES ? names[type] : NULL;
}

bool file_cursor_valid(const char *text)
{
    for (unsigned offsets = 0; *text; offsets++) {
        size_t digits = strspn(text, "0123456789abcdef");
        if (!digits || digits > 16 || offsets == 16)
            return false;
        text += digits;
        if (*text && (*text++ != '.' || !*text))
            return false;
    }
    return true;
}

static bool head_valid(const struct head *h)
{
    if (h->zero || h->zero_too || h->zero_again || h->type >= FILE_TYPES)
        return false;
    if (!h->type)
        return h->name_len <= FILE_LIST_CURSOR_MAX && !h->target_len;
    return h->name_len && h->name_len <= FILE_LIST_NAME_MAX && h->target_len <= FILE_LIST_NAME_MAX &&
           (!h->target_len || h->type == FILE_TYPE_SYMLINK) && h->mode <= 07777 &&
           h->modified_ms <= FILE_TIME_MAX_MS && h->modified_ms >= -FILE_TIME_MAX_MS;
}

static bool take_end(struct file_list *l, const struct head *h)
{
    memcpy(l->cursor, l->held + sizeof *h, h->name_len);
    l->cursor[h->name_len] = 0;
    l->ended = true;
    return strlen(l->cursor) == h->name_len && file_cursor_valid(l->cursor);
}

static bool take_entry(struct file_list *l, const struct head *h, file_list_cb *cb, void *arg)
{
    const char *words = (const char *)l->held + sizeof *h;
    struct file_entry entry = {.type = (enum file_type)h->type,
                               .mode = h->mode,
                               .size = h->size,
                               .modified_ms = h->modified_ms,
                               .name = words,
                               .name_len = h->name_len,
                               .target = words + h->name_len,
                               .target_len = h->target_len};
    if (!h->type)
        return take_end(l, h);
    if (++l->entries > FILE_LIST_LIMIT_MAX || memchr(words, 0, (size_t)h->name_len + h->target_len))
        return false;
    cb(arg, &entry);
    return true;
}

/* Completes what is held to so many bytes, as far as there are some. True: it is. */
static bool fill(struct file_list *l, size_t asked, const uint8_t **bytes, size_t *len)
{
    size_t more = asked - l->held_len < *len ? asked - l->held_len : *len;
    memcpy(l->held + l->held_len, *bytes, more);
    l->held_len += more;
    *bytes += more;
    *len -= more;
    return l->held_len == asked;
}

bool file_list_take(struct file_list *l, const uint8_t *bytes, size_t len, file_list_cb *cb, void *arg)
{
    struct head h;
    l->seen += len;
    if (l->seen > FILE_LIST_BYTES_MAX)
        return false;
    while (len) {
        if (l->ended)
            return false;
        if (l->held_len < sizeof h && !fill(l, sizeof h, &bytes, &len))
            return true;
        memcpy(&h, l->held, sizeof h);
        if (!head_valid(&h))
            return false;
        if (!fill(l, sizeof h + h.name_len + h.target_len, &bytes, &len))
            return true;
        l->held_len = 0;
        if (!take_entry(l, &h, cb, arg))
            return false;
    }
    return true;
}

_Static_assert(sizeof(struct head) == FILE_LIST_HEAD, "the form of agent/init/init_file.h");
