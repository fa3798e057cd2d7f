#include "agent/init/init_tar.h"

#include <stdio.h>
#include <string.h>

#define OWNER     1000u
#define OCTAL_MAX 077777777777 /* of eleven digits */

/* Writes a number of so many digits, and a NUL. */
static void octal(char *field, int digits, uint64_t n)
{
    char text[32];
    snprintf(text, sizeof text, "%0*llo", digits, (unsigned long long)n);
    memcpy(field, text, (size_t)digits + 1);
}

static void seal(char *h)
{
    unsigned sum = 0;
    memset(h + 148, ' ', 8);
    for (size_t i = 0; i < INIT_TAR_BLOCK; i++)
        sum += (unsigned char)h[i];
    octal(h + 148, 6, sum);
    h[155] = ' ';
}

struct fields {
    char type;
    const char *name, *target;
    uint32_t mode;
    uint64_t size;
    int64_t modified_s;
};

static void text(char *field, size_t size, const char *value)
{
    memcpy(field, value, strnlen(value, size));
}

static void header(char *h, const struct fields *f)
{
    memset(h, 0, INIT_TAR_BLOCK);
    text(h, 100, f->name);
    octal(h + 100, 7, f->mode);
    octal(h + 108, 7, OWNER);
    octal(h + 116, 7, OWNER);
    octal(h + 124, 11, f->size <= OCTAL_MAX ? f->size : 0);
    octal(h + 136, 11, f->modified_s >= 0 && f->modified_s <= OCTAL_MAX ? (uint64_t)f->modified_s : 0);
    h[156] = f->type;
    text(h + 157, 100, f->target);
    memcpy(h + 257, "ustar\00000", 8);
    seal(h);
}

/* Adds "LENGTH KEY=VALUE\n"; the length counts its own digits. Returns the record's length. */
static size_t record(char *out, const char *key, const char *value, size_t value_len)
{
    char digits[24];
    size_t rest = strlen(key) + value_len + 3, len = rest; /* " ", "=", "\n" */
    for (size_t before = 0; before != len;) {
        before = len;
        len = rest + (size_t)snprintf(digits, sizeof digits, "%zu", before);
    }
    int head = sprintf(out, "%s %s=", digits, key);
    memcpy(out + head, value, value_len);
    out[len - 1] = '\n';
    return len;
}

static bool is_utf8(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    while (*c) {
        size_t more = *c < 0x80 ? 0 : *c >= 0xc2 && *c < 0xe0 ? 1 : *c >= 0xe0 && *c < 0xf0 ? 2 : 3;
        if (*c >= 0xf5 || (*c >= 0x80 && *c < 0xc2) || (*c == 0xe0 && c[1] < 0xa0) ||
            (*c == 0xed && c[1] > 0x9f) || (*c == 0xf0 && c[1] < 0x90) || (*c == 0xf4 && c[1] > 0x8f))
            return false;
        for (c++; more; more--, c++) {
            if ((*c & 0xc0) != 0x80)
                return false;
        }
    }
    return true;
}

/* The records of what does not fit into the header. */
static size_t records(const struct init_tar_member *m, const char *path, char *out)
{
    char number[32];
    size_t len = 0;
    bool long_path = strlen(path) > 100, long_target = strlen(m->target) > 100;
    if ((long_path && !is_utf8(path)) || (long_target && !is_utf8(m->target)))
        len += record(out, "hdrcharset", "BINARY", 6);
    if (long_path)
        len += record(out + len, "path", path, strlen(path));
    if (long_target)
        len += record(out + len, "linkpath", m->target, strlen(m->target));
    if (m->size > OCTAL_MAX) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)m->size);
        len += record(out + len, "size", number, strlen(number));
    }
    if (m->modified_s < 0 || m->modified_s > OCTAL_MAX) {
        snprintf(number, sizeof number, "%lld", (long long)m->modified_s);
        len += record(out + len, "mtime", number, strlen(number));
    }
    return len;
}

static size_t pad(char *out, size_t len)
{
    size_t padding = -len % INIT_TAR_BLOCK;
    memset(out + len, 0, padding);
    return len + padding;
}

size_t init_tar_format(const struct init_tar_member *m, char out[INIT_TAR_HEAD_MAX])
{
    static const char types[] = {[INIT_TAR_FILE] = '0', [INIT_TAR_FOLDER] = '5', [INIT_TAR_SYMLINK] = '2'};
    char path[INIT_TAR_PATH_MAX + 3];
    size_t at = 0;
    snprintf(path, sizeof path, "%s%s", m->path[0] ? m->path : ".", m->type == INIT_TAR_FOLDER ? "/" : "");
    size_t len = records(m, path, out + INIT_TAR_BLOCK);
    if (len) {
        header(out, &(struct fields){'x', "pax", "", 0644, len, 0});
        at = INIT_TAR_BLOCK + pad(out + INIT_TAR_BLOCK, len);
    }
    header(out + at, &(struct fields){types[m->type], path, m->target, m->mode, m->size, m->modified_s});
    return at + INIT_TAR_BLOCK;
}
