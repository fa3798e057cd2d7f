#include "controller/core/rate_limit.h"

struct rate_answer rate_take(struct rate_bucket *b, const struct rate_rule *rule, uint64_t now_ms)
{
    uint64_t full = rule->burst * 1000, gained = (now_ms - b->at_ms) * rule->per_second;
    if (!b->used || gained > full || b->milli_tokens + gained > full)
        b->milli_tokens = full;
    else
        b->milli_tokens += gained;
    b->used = true;
    b->at_ms = now_ms;
    struct rate_answer answer = {.allowed = b->milli_tokens >= 1000};
    if (answer.allowed)
        b->milli_tokens -= 1000;
    answer.remaining = b->milli_tokens / 1000;
    answer.reset_seconds = (full - b->milli_tokens + rule->per_second * 1000 - 1) / (rule->per_second * 1000);
    return answer;
}
