#include "common/rfc3339.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void rfc3339_format(uint64_t unix_ms, char out[static RFC3339_LEN + 1])
{
    const uint64_t last = 253402300799999u; /* of year 9999 */
    uint64_t ms = unix_ms < last ? unix_ms : last;
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, RFC3339_LEN + 1, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, RFC3339_LEN + 1 - n, ".%03uZ", (unsigned)(ms % 1000));
}

bool rfc3339_parse(const char *text, uint64_t *unix_ms)
{
    struct tm tm = {0};
    unsigned ms;
    char canonical[RFC3339_LEN + 1];
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3uZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec, &ms) != 7)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    time_t seconds = timegm(&tm);
    if (seconds < 0)
        return false;
    uint64_t out = (uint64_t)seconds * 1000 + ms;
    rfc3339_format(out, canonical);
    if (strcmp(canonical, text)) /* the 30th of February, signs, spaces */
        return false;
    *unix_ms = out;
    return true;
}
