#include "common/base/plain_name.h"

#include "common/base/defs.h"

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

/* Unicode 14: Joining_Type D and R of the Arabic block, Canonical_Combining_Class 9 (those of living
 * scripts), and what joined emoji are made of. */
static const struct range both_sides[] = {
    {0x620, 0x620}, {0x626, 0x626}, {0x628, 0x628}, {0x62a, 0x62e}, {0x633, 0x63f}, {0x641, 0x647},
    {0x649, 0x64a}, {0x66e, 0x66f}, {0x678, 0x687}, {0x69a, 0x6bf}, {0x6c1, 0x6c2}, {0x6cc, 0x6cc},
    {0x6ce, 0x6ce}, {0x6d0, 0x6d1}, {0x6fa, 0x6fc}, {0x6ff, 0x6ff},
};
static const struct range right_side[] = {
    {0x622, 0x625}, {0x627, 0x627}, {0x629, 0x629}, {0x62f, 0x632}, {0x648, 0x648},
    {0x671, 0x673}, {0x675, 0x677}, {0x688, 0x699}, {0x6c0, 0x6c0}, {0x6c3, 0x6cb},
    {0x6cd, 0x6cd}, {0x6cf, 0x6cf}, {0x6d2, 0x6d3}, {0x6d5, 0x6d5}, {0x6ee, 0x6ef},
};
static const struct range viramas[] = {
    {0x94d, 0x94d}, {0x9cd, 0x9cd},   {0xa4d, 0xa4d},   {0xacd, 0xacd},   {0xb4d, 0xb4d},
    {0xbcd, 0xbcd}, {0xc4d, 0xc4d},   {0xccd, 0xccd},   {0xd4d, 0xd4d},   {0xdca, 0xdca},
    {0xf84, 0xf84}, {0x1039, 0x103a}, {0x17d2, 0x17d2}, {0x1b44, 0x1b44}, {0xa9c0, 0xa9c0},
};
static const struct range pictures[] = {
    {0x2194, 0x2195}, {0x2600, 0x27bf}, {0x2b05, 0x2b07},   {0x2b1b, 0x2b1c},
    {0x2b50, 0x2b50}, {0x2b55, 0x2b55}, {0x1f000, 0x1f3fa}, {0x1f400, 0x1faff},
};
static const struct range put_over[] = {{0x64b, 0x65f}, {0x670, 0x670}, {0xfe0f, 0xfe0f}, {0x1f3fb, 0x1f3ff}};

#define NON_JOINER 0x200c
#define JOINER     0x200d

static bool in(const struct range *ranges, size_t count, uint32_t c)
{
    for (size_t i = 0; i < count; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    }
    return false;
}

/* The next character of UTF-8 text, as a JSON parser leaves it. A byte that is not part of valid UTF-8
 * counts as one character. */
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

/* Whether a joiner may stand here: only where it changes what is seen (RFC 5892, appendices A.1 and A.2;
 * UTS #51 for emoji). base: the last character that is not one put over another. */
static bool may_join(uint32_t c, uint32_t last, uint32_t base, const unsigned char *after)
{
    uint32_t then = *after ? next(&after) : 0;
    if (in(viramas, ARRAY_LEN(viramas), last))
        return true;
    if (c == JOINER)
        return in(pictures, ARRAY_LEN(pictures), base) && in(pictures, ARRAY_LEN(pictures), then);
    return in(both_sides, ARRAY_LEN(both_sides), base) &&
           (in(both_sides, ARRAY_LEN(both_sides), then) || in(right_side, ARRAY_LEN(right_side), then));
}

const char *plain_name_wrong(const char *name)
{
    const unsigned char *at = (const unsigned char *)name;
    uint32_t last = 0, base = 0;
    bool first = true, blank = false;
    while (*at) {
        uint32_t c = next(&at);
        bool joins = (c == JOINER || c == NON_JOINER) && may_join(c, last, base, at);
        last = c;
        if (!in(put_over, ARRAY_LEN(put_over), c))
            base = c;
        if (joins)
            continue;
        if (in(unseen, ARRAY_LEN(unseen), c) || (first && in(selectors, ARRAY_LEN(selectors), c)))
            return "may not hold control characters, or others that are invisible or change how text is "
                   "shown";
        blank = in(blanks, ARRAY_LEN(blanks), c);
        if (first && blank)
            return "may not begin with a blank";
        first = false;
    }
    return blank ? "may not end with a blank" : NULL;
}
