/*
 * Limits the requests of a caller by a token bucket (the bucket form of GCRA, ITU-T I.371). The bucket holds
 * at most `burst` tokens and gains `per_second` tokens a second; a request takes one. Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_RATE_LIMIT_H
#define CORRAL_CONTROLLER_CORE_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct rate_rule {
    uint64_t per_second, burst;
};

/* All zero: never used, which counts as full. */
struct rate_bucket {
    bool used;
    uint64_t milli_tokens, at_ms;
};

struct rate_answer {
    bool allowed;
    uint64_t remaining;     /* whole tokens */
    uint64_t reset_seconds; /* until it is full again, rounded up */
};

/* The current fill, without taking a token. */
struct rate_answer rate_look(const struct rate_bucket *bucket, const struct rate_rule *rule, uint64_t now_ms);

struct rate_answer rate_take(struct rate_bucket *bucket, const struct rate_rule *rule, uint64_t now_ms);

/* Gives back a token whose request was not served. */
void rate_return(struct rate_bucket *bucket);

#endif
