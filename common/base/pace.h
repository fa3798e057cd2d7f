/*
 * Limits how much of a loop's time each of many users may take: a token bucket of processor time. Each user's
 * bucket gains a fixed share of the time that passes and holds at most one burst. Spending past an empty
 * bucket makes a debt, and the user waits until the debt is paid. The debt is bounded, and so is the wait.
 * Pure.
 */
#ifndef CORRAL_COMMON_BASE_PACE_H
#define CORRAL_COMMON_BASE_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_SHARE    5 /* a user gains 1/PACE_SHARE of the time */
#define PACE_BURST_US 1000000
#define PACE_DEBT_US  600000

/* All zero means never used: the bucket is full. */
struct pace {
    bool used;
    int64_t credit_us;
    uint64_t at_ms;
};

void pace_spend(struct pace *pace, uint64_t now_ms, uint64_t us);

/* Milliseconds until the debt is paid; 0 without a debt. */
uint64_t pace_wait_ms(struct pace *pace, uint64_t now_ms);

/* Milliseconds until the bucket is full; then the user may be forgotten. */
uint64_t pace_full_ms(struct pace *pace, uint64_t now_ms);

#endif
