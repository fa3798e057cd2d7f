#include "controller/ops/path_segment.h"

#include <ctype.h>

static int hex_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10 : -1;
}

bool path_segment_decode(const char *segment, char *out, size_t size)
{
    size_t n = 0;
    for (; *segment && n + 1 < size; n++) {
        out[n] = *segment++;
        if (out[n] != '%')
            continue;
        int high = hex_digit(segment[0]), low = high < 0 ? -1 : hex_digit(segment[1]);
        if (low < 0)
            return false;
        out[n] = (char)(high * 16 + low);
        if (!isprint((unsigned char)out[n]))
            return false;
        segment += 2;
    }
    out[n] = 0;
    return !*segment;
}
