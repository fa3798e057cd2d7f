#include "controller/core/burst.h"

static const struct burst_reading *nth(const struct burst *burst, size_t n)
{
    return &burst->reading[(burst->first + n) % BURST_READINGS];
}

void burst_note(struct burst *burst, uint64_t now_ms, uint64_t total)
{
    if (burst->count && now_ms - nth(burst, burst->count - 1)->ms < 1000)
        return;
    if (burst->count == BURST_READINGS) {
        burst->first = (burst->first + 1) % BURST_READINGS;
        burst->count--;
    }
    burst->reading[(burst->first + burst->count++) % BURST_READINGS] = (struct burst_reading){now_ms, total};
}

uint64_t burst_within(const struct burst *burst, uint64_t now_ms, uint64_t total, uint64_t window_ms,
                      uint64_t *watched_ms)
{
    size_t low = 0, high = burst->count;
    *watched_ms = 0;
    if (!burst->count)
        return 0;
    while (low < high) { /* the first reading within the window */
        size_t middle = low + (high - low) / 2;
        if (now_ms - nth(burst, middle)->ms > window_ms)
            low = middle + 1;
        else
            high = middle;
    }
    const struct burst_reading *from = nth(burst, low ? low - 1 : 0);
    uint64_t since_ms = now_ms - from->ms;
    *watched_ms = since_ms < window_ms ? since_ms : window_ms;
    return total - from->total;
}
