#include "controller/core/rates.h"

#include <stdlib.h>
#include <string.h>

void rates_created(struct rates *rates, uint64_t now)
{
    uint64_t second = now / 1000;
    size_t i = second % 60;
    if (rates->second[i] != second)
        rates->count[i] = 0;
    rates->second[i] = second;
    rates->count[i]++;
    rates->creates++;
}

void rates_started(struct rates *rates, uint64_t took_ms)
{
    rates->start_ms[rates->ran++ % RATES_STARTS] = took_ms < UINT32_MAX ? (uint32_t)took_ms : UINT32_MAX;
    rates->start_ms_sum += took_ms;
    if (rates->starts < RATES_STARTS)
        rates->starts++;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t rank(const uint32_t *sorted, size_t count, unsigned percent)
{
    size_t at = (count * percent + 99) / 100;
    return count ? sorted[at ? at - 1 : 0] : 0;
}

void rates_view(const struct rates *rates, uint64_t now, struct rates_view *out)
{
    uint32_t sorted[RATES_STARTS];
    uint64_t second = now / 1000;
    *out = (struct rates_view){0};
    for (size_t i = 0; i < 60; i++) {
        if (rates->count[i] && second - rates->second[i] < 60)
            out->creates_per_minute += rates->count[i];
    }
    memcpy(sorted, rates->start_ms, rates->starts * sizeof *sorted);
    qsort(sorted, rates->starts, sizeof *sorted, by_value);
    out->p50_ms = rank(sorted, rates->starts, 50);
    out->p95_ms = rank(sorted, rates->starts, 95);
    out->p99_ms = rank(sorted, rates->starts, 99);
}
