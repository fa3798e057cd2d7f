/*
 * How fast sandboxes are made: creates in the last minute, and how long the latest starts took. Pure: `now`
 * is the loop's clock in milliseconds. Bounded: a minute in seconds, and the last RATES_STARTS starts.
 */
#ifndef CORRAL_CONTROLLER_CORE_RATES_H
#define CORRAL_CONTROLLER_CORE_RATES_H

#include <stddef.h>
#include <stdint.h>

#define RATES_STARTS 1024

struct rates {
    uint64_t second[60]; /* the second that each count is of */
    uint32_t count[60];
    uint32_t start_ms[RATES_STARTS];
    size_t starts;         /* how many of start_ms are filled */
    uint64_t creates, ran; /* since the start */
    uint64_t start_ms_sum;
};

/* A sandbox was admitted. */
void rates_created(struct rates *rates, uint64_t now);

/* A create that was waited for has run, so long after it was asked. */
void rates_started(struct rates *rates, uint64_t took_ms);

struct rates_view {
    uint64_t creates_per_minute;
    uint32_t p50_ms, p95_ms, p99_ms; /* nearest rank; 0 without a start */
};
void rates_view(const struct rates *rates, uint64_t now, struct rates_view *out);

#endif
