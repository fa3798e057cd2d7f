#include "controller/core/rate_limit.h"

static void refill(struct rate_bucket *b, const struct rate_rule *rule, uint64_t now_ms)
{
    uint64_t full = rule->burst * 1000, gained = (now_ms - b->at_ms) * rule->per_second;
    if (!b->used || gained > full || b->milli_tokens + gained > full)
        b->milli_tokens = full;
    else
        b->milli_tokens += gained;
    b->used = true;
    b->at_ms = now_ms;
}

static struct rate_answer answer(const struct rate_bucket *b, const struct rate_rule *rule, bool allowed)
{
    uint64_t missing = rule->burst * 1000 - b->milli_tokens, second = rule->per_second * 1000;
    return (struct rate_answer){.allowed = allowed,
                                .remaining = b->milli_tokens / 1000,
                                .reset_seconds = (missing + second - 1) / second};
}

struct rate_answer rate_look(const struct rate_bucket *bucket, const struct rate_rule *rule, uint64_t now_ms)
{
    struct rate_bucket b = *bucket;
    refill(&b, rule, now_ms);
    return answer(&b, rule, b.milli_tokens >= 1000);
}

struct rate_answer rate_take(struct rate_bucket *b, const struct rate_rule *rule, uint64_t now_ms)
{
    refill(b, rule, now_ms);
    bool allowed = b->milli_tokens >= 1000;
    if (allowed)
        b->milli_tokens -= 1000;
    return answer(b, rule, allowed);
}

/* The next refill cuts the fill to what the bucket holds. */
void rate_return(struct rate_bucket *b)
{
    b->milli_tokens += 1000;
}
