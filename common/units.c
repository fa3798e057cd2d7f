#include "common/units.h"

#include "common/defs.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The multiplier of a suffix K, M, G or T (with or without "iB" or "B"); 0 for any other. */
static uint64_t bytes_unit(const char *suffix)
{
    static const char letters[] = "KMGT";
    if (!*suffix)
        return 1;
    const char *at = strchr(letters, toupper((unsigned char)*suffix));
    if (!at || (suffix[1] && strcasecmp(suffix + 1, "B") && strcasecmp(suffix + 1, "iB")))
        return 0;
    return 1ull << (10 * (at - letters + 1));
}

static uint64_t seconds_unit(const char *suffix)
{
    static const struct {
        const char *name;
        uint64_t seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (!strcmp(units[i].name, suffix))
            return units[i].seconds;
    }
    return 0;
}

static bool parse(const char *text, uint64_t (*unit)(const char *), uint64_t *out)
{
    char *end;
    errno = 0;
    uint64_t n = strtoull(text, &end, 10), times = unit(end);
    if (!isdigit((unsigned char)text[0]) || errno || !times || n > UINT64_MAX / times)
        return false;
    *out = n * times;
    return true;
}

bool units_parse_bytes(const char *text, uint64_t *bytes)
{
    return parse(text, bytes_unit, bytes);
}

bool units_parse_seconds(const char *text, uint64_t *seconds)
{
    return parse(text, seconds_unit, seconds);
}

void units_format_bytes(uint64_t bytes, char *out, size_t size)
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t i = 0;
    for (; value >= 1024 && i + 1 < ARRAY_LEN(names); i++)
        value /= 1024;
    if (i)
        snprintf(out, size, "%.1f %s", value, names[i]);
    else
        snprintf(out, size, "%" PRIu64 " B", bytes);
}

void units_format_seconds(uint64_t seconds, char *out, size_t size)
{
    static const struct {
        uint64_t seconds;
        char name;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(units) && seconds < units[i].seconds)
        i++;
    uint64_t large = seconds / units[i].seconds, rest = seconds % units[i].seconds;
    uint64_t small = i + 1 < ARRAY_LEN(units) ? rest / units[i + 1].seconds : 0;
    if (small)
        snprintf(out, size, "%" PRIu64 "%c %" PRIu64 "%c", large, units[i].name, small, units[i + 1].name);
    else
        snprintf(out, size, "%" PRIu64 "%c", large, units[i].name);
}
