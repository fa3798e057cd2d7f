/*
 * How much of a loop's time one of many may take: a bucket of processor time. It gains a share of each moment
 * and holds a burst at most; what is spent beyond that is a debt, for which its owner waits. The debt is
 * bounded, and so is the wait. Pure.
 */
#ifndef CORRAL_COMMON_PACE_H
#define CORRAL_COMMON_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_SHARE    5 /* one part in so many */
#define PACE_BURST_US 1000000
#define PACE_DEBT_US  600000

/* All zero: never used, so full. */
struct pace {
    bool used;
    int64_t credit_us;
    uint64_t at_ms;
};

void pace_spend(struct pace *pace, uint64_t now_ms, uint64_t us);

/* Until its debt is paid; 0: there is none. */
uint64_t pace_wait_ms(struct pace *pace, uint64_t now_ms);

/* Until it is full, and nothing needs to be known of it any more. */
uint64_t pace_full_ms(struct pace *pace, uint64_t now_ms);

#endif
