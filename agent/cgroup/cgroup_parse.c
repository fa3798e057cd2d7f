#include "agent/cgroup/cgroup_parse.h"

#include <string.h>

#define KERNEL_BASE (1u << 20)
#define KERNEL_EACH (192u << 10)

/* Reads digits at *p; moves *p behind them. False without a digit or past 64 bits. */
static bool take_digits(const char **p, const char *end, uint64_t *out)
{
    const char *start = *p;
    uint64_t value = 0;
    for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(**p - '0'), &value))
            return false;
    }
    if (*p == start)
        return false;
    *out = value;
    return true;
}

static bool at_line_end(const char *p, const char *end)
{
    return p == end || *p == '\n';
}

/* Moves *p behind text where it stands there. */
static bool skip_text(const char **p, const char *end, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(end - *p) < len || memcmp(*p, text, len) != 0)
        return false;
    *p += len;
    return true;
}

static const char *next_line(const char *p, const char *end)
{
    const char *newline = memchr(p, '\n', (size_t)(end - p));
    return newline ? newline + 1 : end;
}

bool cgroup_parse_number(const char *bytes, size_t len, uint64_t *out)
{
    const char *p = bytes, *end = bytes + len;
    uint64_t value;
    if (skip_text(&p, end, "max"))
        value = CGROUP_NO_LIMIT;
    else if (!take_digits(&p, end, &value))
        return false;
    if (!at_line_end(p, end))
        return false;
    *out = value;
    return true;
}

bool cgroup_parse_key(const char *bytes, size_t len, const char *key, uint64_t *out)
{
    const char *end = bytes + len;
    for (const char *line = bytes; line < end; line = next_line(line, end)) {
        const char *p = line;
        uint64_t value;
        if (!skip_text(&p, end, key) || !skip_text(&p, end, " "))
            continue;
        if (!take_digits(&p, end, &value) || !at_line_end(p, end))
            return false;
        *out = value;
        return true;
    }
    return false;
}

bool cgroup_parse_pressure(const char *bytes, size_t len, uint32_t *some_avg10_centi)
{
    const char *p = bytes, *end = bytes + len;
    uint64_t whole, fraction;
    if (!skip_text(&p, end, "some avg10=") || !take_digits(&p, end, &whole) || !skip_text(&p, end, "."))
        return false;
    const char *dot = p;
    if (!take_digits(&p, end, &fraction) || p - dot != 2 || whole > 100 || whole * 100 + fraction > 10000)
        return false;
    *some_avg10_centi = (uint32_t)(whole * 100 + fraction);
    return true;
}

static uint64_t key_or_zero(const char *bytes, size_t len, const char *name)
{
    uint64_t n = 0;
    return cgroup_parse_key(bytes, len, name, &n) ? n : 0;
}

uint64_t cgroup_kernel_reclaimable(uint64_t kernel, uint64_t processes)
{
    uint64_t each, needed;
    if (__builtin_mul_overflow(processes, KERNEL_EACH, &each) ||
        __builtin_add_overflow(each, KERNEL_BASE, &needed))
        return 0;
    return kernel > needed ? kernel - needed : 0;
}

uint64_t cgroup_parse_unreclaimable(const char *stat, size_t len, bool v2, uint64_t usage)
{
    uint64_t back = key_or_zero(stat, len, v2 ? "inactive_file" : "total_inactive_file");
    uint64_t active = key_or_zero(stat, len, v2 ? "active_file" : "total_active_file");
    uint64_t slab = key_or_zero(stat, len, "slab_reclaimable");
    if (__builtin_add_overflow(back, active, &back) || __builtin_add_overflow(back, slab, &back))
        return 0;
    return usage > back ? usage - back : 0;
}
