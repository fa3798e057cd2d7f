#include "common/base/pace.h"

#define GAIN_US (1000 / PACE_SHARE) /* per millisecond */

static void refill(struct pace *p, uint64_t now_ms)
{
    uint64_t passed_ms = now_ms - p->at_ms;
    bool full = !p->used || passed_ms > (PACE_BURST_US + PACE_DEBT_US) / GAIN_US;
    p->credit_us = full ? PACE_BURST_US : p->credit_us + (int64_t)passed_ms * GAIN_US;
    if (p->credit_us > PACE_BURST_US)
        p->credit_us = PACE_BURST_US;
    p->used = true;
    p->at_ms = now_ms;
}

static uint64_t until(struct pace *p, int64_t credit_us, uint64_t now_ms)
{
    refill(p, now_ms);
    return p->credit_us >= credit_us ? 0 : ((uint64_t)(credit_us - p->credit_us) + GAIN_US - 1) / GAIN_US;
}

void pace_spend(struct pace *p, uint64_t now_ms, uint64_t us)
{
    refill(p, now_ms);
    uint64_t most = (uint64_t)(p->credit_us + PACE_DEBT_US);
    p->credit_us -= (int64_t)(us < most ? us : most);
}

uint64_t pace_wait_ms(struct pace *p, uint64_t now_ms)
{
    return until(p, 0, now_ms);
}

uint64_t pace_full_ms(struct pace *p, uint64_t now_ms)
{
    return until(p, PACE_BURST_US, now_ms);
}
