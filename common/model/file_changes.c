#include "common/model/file_changes.h"

#include <string.h>

/* As struct init_file_change. */
struct head {
    uint8_t kind, detail;
    uint16_t path_len, from_len, zero;
};

const char *file_change_name(unsigned kind)
{
    static const char *const names[FILE_CHANGE_KINDS] = {NULL,    "created",    "modified", "deleted",
                                                         "moved", "attributes", "overflow", "end"};
    return kind < FILE_CHANGE_KINDS ? names[kind] : NULL;
}

static const char *const overflows[] = {NULL, "changes_lost", "not_watched"};
static const char *const ends[] = {NULL, "path_deleted", "path_moved", "path_replaced"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool detail_valid(const struct head *h)
{
    if (h->kind == FILE_CHANGE_OVERFLOW)
        return h->detail && h->detail < COUNT(overflows);
    if (h->kind == FILE_CHANGE_END)
        return h->detail && h->detail < COUNT(ends) && !h->path_len;
    return h->detail < FILE_TYPES;
}

static bool head_valid(const struct head *h)
{
    return h->kind && h->kind < FILE_CHANGE_KINDS && !h->zero && detail_valid(h) &&
           h->path_len <= FILE_CHANGE_PATH_MAX && h->from_len <= FILE_CHANGE_PATH_MAX &&
           (h->kind == FILE_CHANGE_MOVED) == (h->from_len > 0) &&
           (h->kind != FILE_CHANGE_MOVED || h->path_len);
}

/* Fills held up to so many bytes. False: there are not enough yet. */
static bool fill(struct file_changes *c, size_t asked, const uint8_t **bytes, size_t *len)
{
    size_t more = asked - c->held_len < *len ? asked - c->held_len : *len;
    memcpy(c->held + c->held_len, *bytes, more);
    c->held_len += more;
    *bytes += more;
    *len -= more;
    return c->held_len == asked;
}

static bool part_valid(const char *part, size_t len)
{
    return len && !(len == 1 && part[0] == '.') && !(len == 2 && part[0] == '.' && part[1] == '.');
}

/* Names with single slashes between: a client that puts it behind a path of its own stays below that. */
static bool path_valid(const char *path, size_t len)
{
    size_t from = 0;
    if (!len)
        return true;
    for (size_t at = 0; at <= len; at++) {
        if (at < len && !path[at])
            return false;
        if (at < len && path[at] != '/')
            continue;
        if (!part_valid(path + from, at - from))
            return false;
        from = at + 1;
    }
    return true;
}

int file_changes_next(struct file_changes *c, const uint8_t **bytes, size_t *len, struct file_change *out)
{
    struct head h;
    if (!*len)
        return 0;
    if (c->ended)
        return -1;
    if (c->held_len < sizeof h && !fill(c, sizeof h, bytes, len))
        return 0;
    memcpy(&h, c->held, sizeof h);
    if (!head_valid(&h))
        return -1;
    if (!fill(c, sizeof h + h.path_len + h.from_len, bytes, len))
        return 0;
    c->held_len = 0;
    c->ended = h.kind == FILE_CHANGE_END;
    const char *path = (const char *)c->held + sizeof h;
    bool told = h.kind == FILE_CHANGE_OVERFLOW || h.kind == FILE_CHANGE_END;
    *out = (struct file_change){.kind = (enum file_change_kind)h.kind,
                                .type = told ? FILE_TYPE_NONE : (enum file_type)h.detail,
                                .reason = h.kind == FILE_CHANGE_OVERFLOW ? overflows[h.detail]
                                          : told                         ? ends[h.detail]
                                                                         : NULL,
                                .path = path,
                                .path_len = h.path_len,
                                .from = path + h.path_len,
                                .from_len = h.from_len};
    return path_valid(path, h.path_len) && path_valid(out->from, h.from_len) ? 1 : -1;
}

_Static_assert(sizeof(struct head) == FILE_CHANGE_HEAD, "the form of agent/init/init_file.h");
