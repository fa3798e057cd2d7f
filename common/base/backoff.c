#include "common/base/backoff.h"

void backoff_init(struct backoff *b, uint32_t base_ms, uint32_t max_ms)
{
    b->base_ms = base_ms;
    b->max_ms = max_ms;
    b->tries = 0;
}

uint32_t backoff_next(struct backoff *b, uint32_t random)
{
    uint64_t bound = (uint64_t)b->base_ms << (b->tries < 20 ? b->tries : 20);
    if (bound > b->max_ms)
        bound = b->max_ms;
    b->tries++;
    uint64_t half = bound / 2;
    return (uint32_t)(half + random % (bound - half + 1));
}

void backoff_reset(struct backoff *b)
{
    b->tries = 0;
}
