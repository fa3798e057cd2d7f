#include "controller/core/webhook_retry.h"

#include "common/base/defs.h"

#define SECOND 1000u
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

/* 24.2 hours. */
static const uint32_t waits[WEBHOOK_RETRIES] = {
    5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE,           HOUR,
    2 * HOUR,   4 * HOUR,    4 * HOUR,   6 * HOUR,    6 * HOUR + 30 * MINUTE};

const char *webhook_outcome_name(enum webhook_outcome outcome)
{
    static const char *const names[WEBHOOK_OUTCOMES] = {"delivered", "retry", "dead", "gone"};
    return names[outcome];
}

/* Between 90 and 110 per cent: deliveries that failed together do not come back together. */
static uint64_t jittered(uint64_t wait_ms, uint32_t random)
{
    uint64_t tenth = wait_ms / 10;
    return wait_ms - tenth + random % (2 * tenth + 1);
}

static uint64_t wait_of(const struct webhook_answer *answer, unsigned tries, uint32_t random)
{
    uint64_t wait_ms = jittered(waits[tries], random),
             asked_ms = answer->asked_ms < WEBHOOK_ASKED_MAX_MS ? answer->asked_ms : WEBHOOK_ASKED_MAX_MS;
    return answer->asked && asked_ms > wait_ms ? asked_ms : wait_ms;
}

struct webhook_verdict webhook_retry_judge(const struct webhook_answer *answer, unsigned tries,
                                           uint32_t random)
{
    struct webhook_verdict verdict = {.outcome = WEBHOOK_RETRY};
    if (answer->status >= 200 && answer->status < 300)
        verdict.outcome = WEBHOOK_DELIVERED;
    else if (answer->status == 410)
        verdict.outcome = WEBHOOK_GONE;
    else if (tries >= WEBHOOK_RETRIES)
        verdict.outcome = WEBHOOK_DEAD;
    else
        verdict.wait_ms = wait_of(answer, tries, random);
    return verdict;
}
