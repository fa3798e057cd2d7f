/*
 * Delivers events to the webhooks of users, while this controller leads: makes deliveries from the events
 * (controller/db/db_delivery.h), signs and posts those that are due, and records what became of each try. At
 * most WEBHOOK_TURNS_ALL tries are under way (controller/core/webhook_turns.h). On the loop.
 *
 * A delivery is tried until one try is recorded as its last, by this controller or by the next that leads: so
 * each arrives at least once, with the same webhook-id at each try.
 */
#ifndef CORRAL_CONTROLLER_WEBHOOKS_WEBHOOKS_H
#define CORRAL_CONTROLLER_WEBHOOKS_WEBHOOKS_H

#include "common/base/err.h"
#include "common/base/trace.h"
#include "common/io/loop.h"
#include "controller/core/webhook_retry.h"

struct db_pool;
struct secrets;
struct webhooks;

/* Borrows everything, until webhooks_free. */
struct webhooks_conf {
    struct loop *loop;
    struct db_pool *pool;
    struct secrets *const *secrets; /* those in force; NULL there: none */
    const bool *allow_private;      /* in force */
    char *const *ca_file;           /* in force; NULL or "" there: what this machine trusts */
    /* The trace that a sandbox's desired state belongs to; unknown: none. */
    struct trace (*trace_of)(const void *owner, const char *sandbox_id);
    const void *owner;
};

int webhooks_new(struct webhooks **out, const struct webhooks_conf *conf, struct err *e) MUST_CHECK;
/* Tries under way end unrecorded. Call before freeing the pool: its cancel callbacks use this. NULL is
 * allowed. */
void webhooks_stop(struct webhooks *webhooks);
void webhooks_free(struct webhooks *webhooks); /* after the pool */

/* Periodic work. leads: whether this controller does; if not, what is under way ends. */
void webhooks_run(struct webhooks *webhooks, bool leads);
void webhooks_measure(struct webhooks *webhooks, bool leads); /* reads what waits, for the metrics */

/* Deliveries may be due: those are tried now, not at the next webhooks_run. */
void webhooks_wake(struct webhooks *webhooks);
/* Events were committed: they are delivered in a moment, with those that follow until then. */
void webhooks_committed(struct webhooks *webhooks);

struct webhooks_stats {
    uint64_t tries[WEBHOOK_OUTCOMES]; /* since the start, by outcome */
    unsigned under_way;
    uint64_t waiting, oldest_seconds; /* as last measured */
};
struct webhooks_stats webhooks_stats(const struct webhooks *webhooks);

#endif
