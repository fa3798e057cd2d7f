#include "common/base/utf8.h"

/* The syntax of RFC 3629, section 4. */
size_t utf8_len(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 0;
    if (s[0] >= 0xf0 && s[0] <= 0xf4)
        len = 4;
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

bool utf8_valid(const char *text)
{
    for (size_t len; *text; text += len) {
        len = utf8_len(text);
        if (!len)
            return false;
    }
    return true;
}

bool utf8_valid_bytes(const char *bytes, size_t len)
{
    for (size_t i = 0, n; i < len; i += n) {
        n = utf8_len(bytes + i);
        if (!n || n > len - i)
            return false;
    }
    return true;
}

/* How many bytes a character has that begins so. */
static size_t stated_len(unsigned char first)
{
    return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
}

size_t utf8_whole(const char *bytes, size_t len)
{
    size_t last = len;
    while (last > 0 && len - last < 4 && ((unsigned char)bytes[last - 1] & 0xc0) == 0x80)
        last--;
    return last && last - 1 + stated_len((unsigned char)bytes[last - 1]) > len ? last - 1 : len;
}

size_t utf8_count(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}
