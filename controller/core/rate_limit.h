/*
 * How many requests a caller may make: a token bucket (ITU-T I.371's GCRA in its bucket form). It holds
 * `burst` tokens at most, gains `per_second` of them, and a request takes one. Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_RATE_LIMIT_H
#define CORRAL_CONTROLLER_CORE_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct rate_rule {
    uint64_t per_second, burst;
};

/* All zero: never used, so full. */
struct rate_bucket {
    bool used;
    uint64_t milli_tokens, at_ms;
};

struct rate_answer {
    bool allowed;
    uint64_t remaining;     /* whole tokens */
    uint64_t reset_seconds; /* until it is full again, rounded up */
};

/* What there is, without taking any. */
struct rate_answer rate_look(const struct rate_bucket *bucket, const struct rate_rule *rule, uint64_t now_ms);

struct rate_answer rate_take(struct rate_bucket *bucket, const struct rate_rule *rule, uint64_t now_ms);

/* One that was taken for nothing. */
void rate_return(struct rate_bucket *bucket);

#endif
