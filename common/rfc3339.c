#include "common/rfc3339.h"

#include <stdio.h>
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
