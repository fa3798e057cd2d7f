/*
 * What becomes of a try to deliver an event to a webhook, and when the next one is: after 5 s, then with
 * growing waits for a day. Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_WEBHOOK_RETRY_H
#define CORRAL_CONTROLLER_CORE_WEBHOOK_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define WEBHOOK_RETRIES      11      /* after the first try; a day in all */
#define WEBHOOK_ASKED_MAX_MS 3600000 /* the longest wait that a receiver may ask for */
#define WEBHOOK_SLOW_MS      3000    /* a try that takes longer is slow */

enum webhook_outcome {
    WEBHOOK_DELIVERED, /* 2xx */
    WEBHOOK_RETRY,
    WEBHOOK_DEAD, /* it was the last try */
    WEBHOOK_GONE, /* 410: the receiver wants no more; this delivery is dead, and the webhook disabled */
};
#define WEBHOOK_OUTCOMES 4

const char *webhook_outcome_name(enum webhook_outcome outcome);

struct webhook_answer {
    unsigned status; /* 0: there was no answer */
    bool asked;      /* it had a Retry-After */
    uint64_t asked_ms;
};

struct webhook_verdict {
    enum webhook_outcome outcome;
    uint64_t wait_ms; /* of WEBHOOK_RETRY */
};

/* tries: how many there were before this one. random: any 32 random bits, for the jitter. */
struct webhook_verdict webhook_retry_judge(const struct webhook_answer *answer, unsigned tries,
                                           uint32_t random);

#endif
