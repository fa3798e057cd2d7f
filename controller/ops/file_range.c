#include "controller/ops/file.h"

#include <string.h>
#include <strings.h>

/* Reads digits. False: there are none, or too many. */
static bool number(const char **text, uint64_t *out)
{
    size_t digits = strspn(*text, "0123456789");
    *out = 0;
    if (!digits || digits > 18)
        return false;
    for (; digits; digits--)
        *out = *out * 10 + (uint64_t)(*(*text)++ - '0');
    return true;
}

void file_range_parse(const char *header, struct stream_file *file)
{
    static const char unit[] = "bytes=";
    uint64_t first, last = UINT64_MAX - 1;
    file->range = STREAM_RANGE_ALL;
    if (!header || strncasecmp(header, unit, sizeof unit - 1))
        return;
    const char *at = header + sizeof unit - 1;
    if (*at == '-') {
        at++;
        if (!number(&at, &last) || *at)
            return;
        file->range = STREAM_RANGE_LAST;
        file->length = last;
        return;
    }
    if (!number(&at, &first) || *at++ != '-' || (*at && !number(&at, &last)) || *at || last < first)
        return;
    file->range = STREAM_RANGE_FROM;
    file->offset = first;
    file->length = last - first + 1;
}
