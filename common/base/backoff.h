/*
 * Waiting times between tries: exponential with "full jitter"
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), so that many clients that
 * lost the same peer do not come back in step. Pure: the caller brings the randomness.
 */
#ifndef CORRAL_COMMON_BACKOFF_H
#define CORRAL_COMMON_BACKOFF_H

#include <stdint.h>

struct backoff {
    uint32_t base_ms;
    uint32_t max_ms;
    uint32_t tries;
};

/* Starts again; base_ms is the bound of the first wait, max_ms of any. */
void backoff_init(struct backoff *b, uint32_t base_ms, uint32_t max_ms);

/* The next wait in milliseconds, between half the bound and the bound; random: any 32 random bits. */
uint32_t backoff_next(struct backoff *b, uint32_t random);

/* After a success: the next wait is short again. */
void backoff_reset(struct backoff *b);

#endif
