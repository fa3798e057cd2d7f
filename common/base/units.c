#include "common/base/units.h"

#include "common/base/defs.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BILLION 1000000000u

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

/* Parses "12" or "0.5": the whole part and the fraction in billionths. Returns where the number ends;
 * NULL if there is no number. */
static const char *parse_decimal(const char *text, uint64_t *whole, uint64_t *billionths)
{
    char *end;
    errno = 0;
    *whole = strtoull(text, &end, 10);
    *billionths = 0;
    if (!isdigit((unsigned char)text[0]) || errno)
        return NULL;
    if (*end != '.')
        return end;
    const char *digit = end + 1;
    for (uint64_t worth = BILLION / 10; isdigit((unsigned char)*digit); digit++, worth /= 10)
        *billionths += worth * (uint64_t)(*digit - '0');
    return digit == end + 1 ? NULL : digit;
}

/* Multiplies whole.billionths by times, rounding down. False on overflow, and for a fraction of what
 * cannot be divided (a byte, a second). */
static bool multiply(uint64_t whole, uint64_t billionths, uint64_t times, uint64_t *out)
{
    if (!times || whole > UINT64_MAX / times || (billionths && times == 1))
        return false;
    uint64_t part = times / BILLION * billionths + times % BILLION * billionths / BILLION;
    return !__builtin_add_overflow(whole * times, part, out);
}

bool units_parse_bytes(const char *text, uint64_t *bytes)
{
    uint64_t whole, billionths;
    const char *suffix = parse_decimal(text, &whole, &billionths);
    return suffix && multiply(whole, billionths, bytes_unit(suffix), bytes);
}

bool units_parse_seconds(const char *text, uint64_t *seconds)
{
    uint64_t sum = 0, larger = UINT64_MAX;
    do {
        uint64_t whole, billionths, part;
        char suffix[2] = "";
        text = parse_decimal(text, &whole, &billionths);
        if (!text)
            return false;
        if (*text)
            suffix[0] = *text++;
        uint64_t unit = seconds_unit(suffix);
        if (unit >= larger || !multiply(whole, billionths, unit, &part) ||
            __builtin_add_overflow(sum, part, &sum))
            return false;
        larger = unit;
    } while (*text);
    *seconds = sum;
    return true;
}

bool units_parse_cpu_millis(const char *text, uint64_t *millis)
{
    uint64_t whole, billionths;
    const char *suffix = parse_decimal(text, &whole, &billionths);
    if (suffix && !*suffix && strchr(text, '.'))
        return multiply(whole, billionths, 1000, millis);
    *millis = whole;
    return suffix && !billionths && (!*suffix || !strcmp(suffix, "m"));
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
