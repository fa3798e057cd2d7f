/*
 * Waiting times between tries: exponential with "equal jitter"
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), so that many clients that lost
 * the same peer do not come back at the same moment. Pure: the caller supplies the randomness.
 */
#ifndef CORRAL_COMMON_BASE_BACKOFF_H
#define CORRAL_COMMON_BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
    uint32_t base_ms;
    uint32_t max_ms;
    uint32_t tries;
};

/* Starts again. base_ms bounds the first wait, max_ms bounds every wait. */
void backoff_init(struct backoff *b, uint32_t base_ms, uint32_t max_ms);

/* Returns the next wait in milliseconds, between half of the current bound and the bound. random: any 32
 * random bits. */
uint32_t backoff_next(struct backoff *b, uint32_t random);

/* After a success: the next wait is short again. */
void backoff_reset(struct backoff *b);

#endif
