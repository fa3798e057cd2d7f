#include "common/plain_name.h"

#include "common/defs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
    uint32_t first, last;
};

static const struct range unseen[] = {
    {0x0, 0x1f},        {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},     {0x600, 0x605},
    {0x61c, 0x61c},     {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},
    {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f},   {0x3164, 0x3164},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},
    {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
    {0xe0000, 0xe00ff}, {0xe01f0, 0xe0fff},
};
static const struct range blanks[] = {
    {0x20, 0x20},     {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
    {0x202f, 0x202f}, {0x205f, 0x205f}, {0x2800, 0x2800}, {0x3000, 0x3000},
};
static const struct range selectors[] = {{0xfe00, 0xfe0f}, {0xe0100, 0xe01ef}};

static bool in(const struct range *ranges, size_t count, uint32_t c)
{
    for (size_t i = 0; i < count; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    }
    return false;
}

/* Of text that is UTF-8, as a JSON parser leaves it; of other bytes, each. */
static uint32_t next(const unsigned char **at)
{
    const unsigned char *s = *at;
    size_t more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc0 ? 1 : 0;
    uint32_t c = more ? s[0] & (0x3fu >> more) : s[0];
    for (size_t i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            *at = s + 1;
            return s[0];
        }
        c = c << 6 | (s[i] & 0x3f);
    }
    *at = s + 1 + more;
    return c;
}

const char *plain_name_wrong(const char *name)
{
    const unsigned char *at = (const unsigned char *)name;
    bool first = true, blank = false;
    while (*at) {
        uint32_t c = next(&at);
        if (in(unseen, ARRAY_LEN(unseen), c) || (first && in(selectors, ARRAY_LEN(selectors), c)))
            return "may not hold control characters, nor others that are not seen or turn what is seen";
        blank = in(blanks, ARRAY_LEN(blanks), c);
        if (first && blank)
            return "may not begin with a blank";
        first = false;
    }
    return blank ? "may not end with a blank" : NULL;
}
