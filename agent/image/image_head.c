#include "agent/image/image_head.h"

#include "agent/init/init_tar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Places in a header (ustar). */
#define NAME_AT     0
#define NAME_LEN    100
#define MODE_AT     100
#define SIZE_AT     124
#define CHECKSUM_AT 148
#define TYPE_AT     156
#define TARGET_AT   157
#define MAGIC_AT    257
#define PREFIX_AT   345
#define PREFIX_LEN  155

static void seal(char *h)
{
    unsigned sum = 0;
    char digits[8];
    memset(h + CHECKSUM_AT, ' ', 8);
    for (size_t i = 0; i < INIT_TAR_BLOCK; i++)
        sum += (unsigned char)h[i];
    snprintf(digits, sizeof digits, "%06o", sum & 0777777);
    memcpy(h + CHECKSUM_AT, digits, 7);
}

static void put_padded(struct text *out, const char *bytes, size_t len)
{
    static const char zeros[INIT_TAR_BLOCK];
    text_add_bytes(out, bytes, len);
    text_add_bytes(out, zeros, -len % INIT_TAR_BLOCK);
}

/* "LENGTH KEY=VALUE\n"; the length counts its own digits. */
static void put_record(struct text *out, const char *key, const char *value)
{
    size_t rest = strlen(key) + strlen(value) + 3, len = rest;
    for (size_t before = 0; before != len;) {
        before = len;
        len = rest + (size_t)snprintf(NULL, 0, "%zu", len);
    }
    text_fmt(out, "%zu %s=", len, key);
    text_add(out, value);
    text_add(out, "\n");
}

/* Keeps the records but those of the key; they were read before, and are well formed. False: they are not. */
static bool keep_records(struct text *out, const char *at, size_t left, const char *path, const char *target)
{
    while (left) {
        char *end;
        size_t len = strtoul(at, &end, 10);
        const char *equals = len && len <= left ? memchr(at, '=', len) : NULL;
        if (!equals || *end != ' ' || end > equals)
            return false;
        size_t key = (size_t)(equals - end - 1);
        bool is_path = key == 4 && !memcmp(end + 1, "path", 4);
        bool is_target = key == 8 && !memcmp(end + 1, "linkpath", 8);
        if (!(is_path && path) && !(is_target && target))
            text_add_bytes(out, at, len);
        at += len;
        left -= len;
    }
    return true;
}

static size_t size_of(const char *h)
{
    char field[13] = "";
    memcpy(field, h + SIZE_AT, 12);
    return h[SIZE_AT] & 0x80 ? SIZE_MAX : strtoul(field, NULL, 8);
}

static void put_records_header(struct text *out, const struct text *records)
{
    char h[INIT_TAR_BLOCK] = "PaxHeaders/member", size[13];
    if (!records->len)
        return;
    snprintf(size, sizeof size, "%011zo", records->len);
    memcpy(h + MODE_AT, "0000644\0000000000\0000000000", 24);
    memcpy(h + SIZE_AT, size, 12);
    memcpy(h + SIZE_AT + 12, "00000000000", 12);
    h[TYPE_AT] = 'x';
    memcpy(h + MAGIC_AT, "ustar\00000", 8);
    seal(h);
    text_add_bytes(out, h, sizeof h);
    put_padded(out, records->data, records->len);
}

static void put_own(struct text *out, const char *own, const char *path, const char *target)
{
    char h[INIT_TAR_BLOCK];
    memcpy(h, own, sizeof h);
    if (path) {
        memset(h + NAME_AT, 0, NAME_LEN);
        memcpy(h + NAME_AT, path, strnlen(path, NAME_LEN));
        if (!memcmp(h + MAGIC_AT, "ustar", 6))
            memset(h + PREFIX_AT, 0, PREFIX_LEN);
    }
    if (target) {
        memset(h + TARGET_AT, 0, NAME_LEN);
        memcpy(h + TARGET_AT, target, strnlen(target, NAME_LEN));
    }
    seal(h);
    text_add_bytes(out, h, sizeof h);
}

bool image_head_rewrite(const char *head, size_t len, const char *path, const char *target, struct text *out)
{
    struct text records = {0};
    bool ok = len >= INIT_TAR_BLOCK && len % INIT_TAR_BLOCK == 0;
    size_t at = 0;
    while (ok && len - at > INIT_TAR_BLOCK) {
        const char *h = head + at;
        size_t size = size_of(h), room = len - at - 2 * INIT_TAR_BLOCK;
        bool replaced = (h[TYPE_AT] == 'L' && path) || (h[TYPE_AT] == 'K' && target);
        size_t blocks = size <= room ? (size + INIT_TAR_BLOCK - 1) / INIT_TAR_BLOCK * INIT_TAR_BLOCK : 0;
        ok = len - at >= 2 * INIT_TAR_BLOCK && size <= room && blocks <= room;
        if (ok && (h[TYPE_AT] == 'x' || h[TYPE_AT] == 'X'))
            ok = keep_records(&records, h + INIT_TAR_BLOCK, size, path, target);
        else if (ok && !replaced)
            text_add_bytes(out, h, INIT_TAR_BLOCK + blocks);
        at += INIT_TAR_BLOCK + blocks;
    }
    if (ok && path)
        put_record(&records, "path", path);
    if (ok && target)
        put_record(&records, "linkpath", target);
    if (ok) {
        put_records_header(out, &records);
        put_own(out, head + at, path, target);
    }
    text_fini(&records);
    return ok;
}
