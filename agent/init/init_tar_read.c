#include "agent/init/init_tar.h"

#include "agent/init/init_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The header: each field at its place; texts end with a NUL only where they are shorter than their field. */
struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], modified[12], checksum[8], type, target[100];
    char magic[8], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};

_Static_assert(sizeof(struct header) == INIT_TAR_BLOCK, "a header is one block");

/* --- bytes --- */

/* Reads all of them; *ended: there are not as many. */
static int read_all(struct init_tar *t, void *bytes, size_t len, bool *ended)
{
    size_t at = 0, got = 0;
    *ended = false;
    while (at < len) {
        int error = t->read(t->arg, (char *)bytes + at, len - at, &got);
        if (error)
            return error;
        if (!got) {
            *ended = true;
            return INIT_FAULT_CUT;
        }
        at += got;
        t->position += got;
    }
    return 0;
}

int init_tar_data(struct init_tar *t, void *bytes, size_t len, size_t *got)
{
    *got = 0;
    if (!t->left || !len)
        return 0;
    int error = t->read(t->arg, bytes, t->left < len ? (size_t)t->left : len, got);
    if (!error && !*got)
        error = INIT_FAULT_CUT;
    t->left -= *got;
    t->position += *got;
    return error;
}

static int skip_rest(struct init_tar *t)
{
    char bytes[4096];
    size_t got;
    t->left += t->padding;
    t->padding = 0;
    while (t->left) {
        int error = init_tar_data(t, bytes, sizeof bytes, &got);
        if (error)
            return error;
    }
    return 0;
}

/* --- fields --- */

/* Two's complement of the field's bytes after its first bit. */
static bool binary_number(const unsigned char *field, size_t len, int64_t *out)
{
    bool negative = field[0] & 0x40;
    uint64_t n = negative ? UINT64_MAX : 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = i ? field[i] : (unsigned char)(negative ? field[0] | 0x80 : field[0] & 0x7f);
        if (n >> 55 != (negative ? 0x1ffu : 0))
            return false;
        n = n << 8 | byte;
    }
    *out = (int64_t)n;
    return true;
}

/* An empty field is 0. */
static bool number(const char *field, size_t len, int64_t *out)
{
    size_t at = 0;
    if ((unsigned char)field[0] & 0x80)
        return binary_number((const unsigned char *)field, len, out);
    *out = 0;
    while (at < len && field[at] == ' ')
        at++;
    for (; at < len && field[at] >= '0' && field[at] <= '7'; at++)
        *out = *out << 3 | (field[at] - '0'); /* at most 12 digits */
    return at == len || field[at] == ' ' || !field[at];
}

/* The sum of all bytes, where its own field counts as spaces; some have summed up signed ones. */
static bool checksum_fits(const struct header *h)
{
    const unsigned char *bytes = (const unsigned char *)h;
    int64_t said, plain = 0, with_sign = 0;
    for (size_t i = 0; i < sizeof *h; i++) {
        bool own = i >= offsetof(struct header, checksum) && i < offsetof(struct header, type);
        plain += own ? ' ' : bytes[i];
        with_sign += own ? ' ' : (signed char)bytes[i];
    }
    return number(h->checksum, sizeof h->checksum, &said) && (said == plain || said == with_sign);
}

bool init_tar_is_header(const void *block)
{
    return checksum_fits(block);
}

static bool is_zero(const struct header *h)
{
    const char *bytes = (const char *)h;
    return !bytes[0] && !memcmp(bytes, bytes + 1, sizeof *h - 1);
}

static size_t field_len(const char *field, size_t size)
{
    return strnlen(field, size);
}

/* --- records --- */

static bool take_text(char out[INIT_TAR_PATH_MAX + 1], const char *value, size_t len)
{
    if (len > INIT_TAR_PATH_MAX || memchr(value, 0, len))
        return false;
    memcpy(out, value, len);
    out[len] = 0;
    return true;
}

static bool digits(const char **at, const char *end, uint64_t *out)
{
    const char *first = *at;
    for (*out = 0; *at < end && **at >= '0' && **at <= '9'; ++*at) {
        if (*out > (INT64_MAX - 9) / 10)
            return false;
        *out = *out * 10 + (uint64_t)(**at - '0');
    }
    return *at > first;
}

/* "-1.5" is half a second after -2. */
static bool take_time(struct init_tar *t, const char *value, size_t len)
{
    const char *at = value, *end = value + len;
    uint64_t seconds, ns = 0, unit = 100000000;
    bool negative = at < end && *at == '-';
    at += negative;
    if (!digits(&at, end, &seconds) || (at < end && *at++ != '.'))
        return false;
    for (; at < end && *at >= '0' && *at <= '9'; at++, unit /= 10)
        ns += (uint64_t)(*at - '0') * unit;
    t->modified_s = negative ? -(int64_t)seconds - (ns ? 1 : 0) : (int64_t)seconds;
    t->modified_ns = (uint32_t)(negative && ns ? 1000000000 - ns : ns);
    t->has_time = true;
    return at == end;
}

static bool take_size(struct init_tar *t, const char *value, size_t len)
{
    const char *at = value;
    t->has_size = true;
    return digits(&at, value + len, &t->size) && at == value + len;
}

static bool is_key(const char *key, size_t len, const char *name)
{
    return strlen(name) == len && !memcmp(key, name, len);
}

/* One that is empty takes back what an archive said of all members; that is not listened to anyway. */
static int take_record(struct init_tar *t, const char *key, size_t key_len, const char *value, size_t len)
{
    static const char sparse[] = "GNU.sparse.";
    if (key_len >= sizeof sparse - 1 && !memcmp(key, sparse, sizeof sparse - 1))
        return INIT_FAULT_KIND;
    if (t->on_record)
        t->on_record(t->arg, key, key_len, value, len);
    if (!len)
        return 0;
    if (is_key(key, key_len, "path"))
        return (t->has_path = take_text(t->path, value, len)) ? 0 : INIT_FAULT_NAME;
    if (is_key(key, key_len, "linkpath"))
        return (t->has_target = take_text(t->target, value, len)) ? 0 : INIT_FAULT_NAME;
    if (is_key(key, key_len, "size"))
        return take_size(t, value, len) ? 0 : INIT_FAULT_HEADER;
    if (is_key(key, key_len, "mtime"))
        return take_time(t, value, len) ? 0 : INIT_FAULT_HEADER;
    return 0;
}

/* "LENGTH KEY=VALUE\n", where the length is that of all of it. */
static int take_records(struct init_tar *t, const char *at, size_t left)
{
    while (left) {
        const char *from = at, *equals;
        uint64_t len;
        if (!digits(&at, at + left, &len) || len > left || len < (uint64_t)(at - from) + 3 || *at != ' ' ||
            from[len - 1] != '\n')
            return INIT_FAULT_HEADER;
        at++;
        size_t rest = (size_t)len - (size_t)(at - from) - 1;
        if (!(equals = memchr(at, '=', rest)))
            return INIT_FAULT_HEADER;
        size_t key_len = (size_t)(equals - at);
        int error = take_record(t, at, key_len, equals + 1, rest - key_len - 1);
        if (error)
            return error;
        at = from + len;
        left -= (size_t)len;
    }
    return 0;
}

static int read_records(struct init_tar *t)
{
    bool ended;
    size_t len = (size_t)t->left;
    if (t->left > INIT_TAR_RECORDS_MAX)
        return INIT_FAULT_HEADER;
    char *records = malloc(len + 1);
    if (!records)
        return ENOMEM;
    int error = read_all(t, records, len, &ended);
    t->left = 0;
    if (!error)
        error = take_records(t, records, len);
    free(records);
    return error;
}

/* A long name as GNU has it: the bytes of a member of its own. */
static int read_long(struct init_tar *t, char out[INIT_TAR_PATH_MAX + 1])
{
    bool ended;
    size_t len = (size_t)t->left;
    if (t->left > INIT_TAR_PATH_MAX)
        return INIT_FAULT_NAME;
    int error = read_all(t, out, len, &ended);
    out[len] = 0;
    t->left = 0;
    return error;
}

/* --- members --- */

bool init_tar_clean(char *path)
{
    char *to = path, *from = path;
    if (*path == '/')
        return false;
    while (*from) {
        size_t n = strcspn(from, "/");
        if (n == 2 && from[0] == '.' && from[1] == '.')
            return false;
        if (n && !(n == 1 && from[0] == '.')) {
            if (to > path)
                *to++ = '/';
            memmove(to, from, n);
            to += n;
        }
        from += n;
        from += *from == '/';
    }
    *to = 0;
    return true;
}

/* The path of a header without a record of it. */
static void take_name(struct init_tar *t, const struct header *h)
{
    size_t prefix = memcmp(h->magic, "ustar", 6) ? 0 : field_len(h->prefix, sizeof h->prefix),
           name = field_len(h->name, sizeof h->name), at = 0;
    if (prefix) {
        memcpy(t->path, h->prefix, prefix);
        t->path[prefix] = '/';
        at = prefix + 1;
    }
    memcpy(t->path + at, h->name, name);
    t->path[at + name] = 0;
}

/* False: it is of a kind that cannot be unpacked. */
static bool take_type(const struct header *h, const char *path, enum init_tar_type *out)
{
    size_t len = strlen(path);
    switch (h->type) {
    case '0':
    case 0:
    case '7':
        *out = len && path[len - 1] == '/' ? INIT_TAR_FOLDER : INIT_TAR_FILE; /* as v7 told folders */
        return true;
    case '1':
        *out = INIT_TAR_HARD_LINK;
        return true;
    case '2':
        *out = INIT_TAR_SYMLINK;
        return true;
    case '3':
    case '4':
    case '6':
        *out = INIT_TAR_DEVICE;
        return true;
    case '5':
        *out = INIT_TAR_FOLDER;
        return true;
    default:
        return false;
    }
}

static uint32_t id_of(const char *field, size_t len)
{
    int64_t n;
    return number(field, len, &n) && n >= 0 && n <= UINT32_MAX ? (uint32_t)n : 0;
}

static void take_owner(const struct header *h, struct init_tar_member *m)
{
    m->flag = h->type;
    m->uid = id_of(h->uid, sizeof h->uid);
    m->gid = id_of(h->gid, sizeof h->gid);
    m->major = id_of(h->major, sizeof h->major);
    m->minor = id_of(h->minor, sizeof h->minor);
}

static int take_paths(struct init_tar *t, const struct init_tar_member *m)
{
    if (!init_tar_clean(t->path))
        return INIT_FAULT_OUTSIDE;
    if (!t->path[0] && m->type != INIT_TAR_FOLDER)
        return INIT_FAULT_NAME;
    if (m->type == INIT_TAR_HARD_LINK && !init_tar_clean(t->target))
        return INIT_FAULT_OUTSIDE;
    bool links = m->type == INIT_TAR_HARD_LINK || m->type == INIT_TAR_SYMLINK;
    return links && !t->target[0] ? INIT_FAULT_NAME : 0;
}

/* Only files have bytes: others may state a size, but nothing follows. */
static int take_member(struct init_tar *t, const struct header *h, uint64_t size, struct init_tar_member *m)
{
    int64_t mode, modified;
    *m = (struct init_tar_member){.path = t->path, .target = ""};
    t->members++;
    if (!t->has_path)
        take_name(t, h);
    if (!t->has_target) {
        size_t len = field_len(h->target, sizeof h->target);
        memcpy(t->target, h->target, len);
        t->target[len] = 0;
    }
    take_owner(h, m);
    if (!take_type(h, t->path, &m->type))
        return INIT_FAULT_KIND;
    if (!number(h->mode, sizeof h->mode, &mode) || !number(h->modified, sizeof h->modified, &modified))
        return INIT_FAULT_HEADER;
    m->mode = (uint32_t)mode & 07777;
    m->modified_s = t->has_time ? t->modified_s : modified;
    m->modified_ns = t->has_time ? t->modified_ns : 0;
    if (m->type == INIT_TAR_FILE)
        m->size = t->left = size;
    if (m->type == INIT_TAR_SYMLINK || m->type == INIT_TAR_HARD_LINK)
        m->target = t->target;
    t->padding = (uint32_t)(-t->left % INIT_TAR_BLOCK);
    return take_paths(t, m);
}

/* A header that says something of the next one. *more: it was one. */
static int take_extra(struct init_tar *t, char type, bool *more)
{
    int error = 0;
    *more = true;
    switch (type) {
    case 'x':
    case 'X':
        error = read_records(t);
        break;
    case 'L':
        error = read_long(t, t->path);
        t->has_path = true;
        break;
    case 'K':
        error = read_long(t, t->target);
        t->has_target = true;
        break;
    case 'g':
    case 'V':
        break;
    default:
        *more = false;
    }
    return error;
}

static int read_header(struct init_tar *t, struct header *h, int64_t *size)
{
    bool ended = false;
    int error = skip_rest(t);
    if (!error)
        error = read_all(t, h, sizeof *h, &ended);
    if (error)
        return ended && !t->headers ? INIT_FAULT_NO_ARCHIVE : error;
    if (is_zero(h))
        return INIT_TAR_END;
    if (!checksum_fits(h))
        return t->headers ? INIT_FAULT_HEADER : INIT_FAULT_NO_ARCHIVE;
    if (++t->headers > INIT_TAR_HEADERS_MAX)
        return INIT_FAULT_MANY;
    return number(h->size, sizeof h->size, size) && *size >= 0 ? 0 : INIT_FAULT_HEADER;
}

int init_tar_next(struct init_tar *t, struct init_tar_member *out)
{
    struct header h;
    int64_t size;
    bool more = true;
    uint64_t at = t->position + t->left + t->padding;
    t->has_path = t->has_target = t->has_size = t->has_time = false;
    for (;;) {
        int error = read_header(t, &h, &size);
        if (error)
            return error;
        t->left = (uint64_t)size;
        t->padding = (uint32_t)(-t->left % INIT_TAR_BLOCK);
        if ((error = take_extra(t, h.type, &more)))
            return error;
        if (!more)
            break;
    }
    t->left = 0;
    t->padding = 0;
    int error = take_member(t, &h, t->has_size ? t->size : (uint64_t)size, out);
    out->at = at;
    return error;
}
