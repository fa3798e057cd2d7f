#include "agent/cgroup/cgroup_parse.h"

#include <string.h>

#define KERNEL_BASE (1u << 20)
#define KERNEL_EACH (192u << 10)

/* Reads digits at *p and moves *p behind them. False without a digit or past 64 bits. */
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

/* Moves *p behind text, if text is there. */
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

/* Stores the value if word, the first of a line, is one of the keys. */
static void take_key(const char *word, size_t word_len, const char *p, const char *end,
                     const char *const *keys, size_t count, uint64_t *out)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value;
        if (strlen(keys[i]) != word_len ||
            memcmp(keys[i], word, word_len)) /* memcmp: word may contain a NUL */
            continue;
        if (take_digits(&p, end, &value) && at_line_end(p, end))
            out[i] = value;
        return;
    }
}

uint64_t cgroup_kernel_reclaimable(uint64_t kernel, uint64_t processes)
{
    uint64_t each, needed;
    if (__builtin_mul_overflow(processes, KERNEL_EACH, &each) ||
        __builtin_add_overflow(each, KERNEL_BASE, &needed))
        return 0;
    return kernel > needed ? kernel - needed : 0;
}

void cgroup_parse_keys(const char *bytes, size_t len, const char *const *keys, size_t count, uint64_t *out)
{
    const char *end = bytes + len;
    memset(out, 0, count * sizeof *out);
    for (const char *line = bytes; line < end;) {
        const char *next = next_line(line, end);
        const char *space = memchr(line, ' ', (size_t)(next - line));
        if (space)
            take_key(line, (size_t)(space - line), space + 1, end, keys, count, out);
        line = next;
    }
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

struct cgroup_use cgroup_parse_use(const char *stat, size_t len, bool v2, uint64_t usage)
{
    static const char *const v1_keys[] = {"total_inactive_file", "total_active_file"};
    static const char *const v2_keys[] = {"inactive_file", "active_file", "slab_reclaimable"};
    uint64_t back[3] = {0};
    cgroup_parse_keys(stat, len, v2 ? v2_keys : v1_keys, v2 ? 3 : 2, back);
    uint64_t working_set = less(usage, back[0]);
    return (struct cgroup_use){working_set, less(less(working_set, back[1]), back[2])};
}

/* --- devices and interfaces --- */

#define LOOP_MAJOR 7 /* Documentation/admin-guide/devices.txt */

/* Reads "MAJOR:MINOR " and moves *p behind it. False for any other line, and for a loop device. */
static bool take_device(const char **p, const char *end)
{
    uint64_t major, minor;
    return take_digits(p, end, &major) && skip_text(p, end, ":") && take_digits(p, end, &minor) &&
           skip_text(p, end, " ") && major != LOOP_MAJOR;
}

/* The number behind text in this line; 0 if text is missing. */
static uint64_t behind(const char *p, const char *line_end, const char *text)
{
    uint64_t value = 0;
    const char *at = memmem(p, (size_t)(line_end - p), text, strlen(text));
    if (!at)
        return 0;
    at += strlen(text);
    return take_digits(&at, line_end, &value) ? value : 0;
}

struct cgroup_io cgroup_parse_io(const char *bytes, size_t len, bool v2)
{
    struct cgroup_io io = {.counted = v2};
    const char *end = bytes + len;
    for (const char *line = bytes, *next; line < end; line = next) {
        const char *p = line;
        next = next_line(line, end);
        if (!take_device(&p, next))
            continue;
        io.counted = true;
        io.read_bytes += behind(p, next, v2 ? "rbytes=" : "Read ");
        io.write_bytes += behind(p, next, v2 ? "wbytes=" : "Write ");
    }
    return io;
}

#define NET_COLUMNS 10 /* up to the packets that were sent */

static bool take_columns(const char *p, const char *end, uint64_t out[static NET_COLUMNS])
{
    for (int i = 0; i < NET_COLUMNS; i++) {
        while (p < end && *p == ' ')
            p++;
        if (!take_digits(&p, end, &out[i]))
            return false;
    }
    return true;
}

struct cgroup_net cgroup_parse_net(const char *bytes, size_t len)
{
    struct cgroup_net net = {0};
    const char *end = bytes + len;
    for (const char *line = bytes, *next; line < end; line = next) {
        uint64_t column[NET_COLUMNS];
        next = next_line(line, end);
        const char *colon = memchr(line, ':', (size_t)(next - line));
        while (line < next && *line == ' ')
            line++;
        if (!colon || (colon - line == 2 && !memcmp(line, "lo", 2)) || !take_columns(colon + 1, next, column))
            continue;
        net.rx_bytes += column[0];
        net.rx_packets += column[1];
        net.tx_bytes += column[8];
        net.tx_packets += column[9];
    }
    return net;
}
