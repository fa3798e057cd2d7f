/*
 * How fast sandboxes are created: creates in the last minute, and how long the latest starts took. Pure:
 * `now` is the loop's clock in milliseconds. Bounded: 60 counts, one a second, and the last RATES_STARTS
 * starts.
 */
#ifndef CORRAL_CONTROLLER_CORE_RATES_H
#define CORRAL_CONTROLLER_CORE_RATES_H

#include <stddef.h>
#include <stdint.h>

#define RATES_STARTS 1024

struct rates {
    uint64_t second[60]; /* the second to which each count belongs */
    uint32_t count[60];
    uint32_t start_ms[RATES_STARTS];
    size_t starts;         /* how many of start_ms are filled */
    uint64_t creates, ran; /* since the start */
    uint64_t start_ms_sum;
};

/* A sandbox was admitted. */
void rates_created(struct rates *rates, uint64_t now);

/* A create whose client waits has started, took_ms after the request. */
void rates_started(struct rates *rates, uint64_t took_ms);

struct rates_view {
    uint64_t creates_per_minute;
    uint32_t p50_ms, p95_ms, p99_ms; /* nearest rank; 0 without a start */
};
void rates_view(const struct rates *rates, uint64_t now, struct rates_view *out);

#endif
