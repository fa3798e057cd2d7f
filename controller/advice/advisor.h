/*
 * Looks at the figures of the system once a period while this controller leads, and stores what the rules
 * find in them (controller/core/advice.h): never on a request. One look at a time, by connections for
 * expensive reads, one question after another. All state is in PostgreSQL, so another leader goes on with it.
 * On the loop.
 */
#ifndef CORRAL_CONTROLLER_ADVICE_ADVISOR_H
#define CORRAL_CONTROLLER_ADVICE_ADVISOR_H

#include "common/io/loop.h"
#include "controller/db/db_advice.h"

struct advisor;

/* Borrows everything, until advisor_free. */
struct advisor_conf {
    struct loop *loop;
    struct db_pool *pool, *reads;
    const struct db_defaults *defaults; /* in force */
    /* Adds what this controller itself measured since the call before. */
    void (*measure)(void *owner, struct advice_figures *figures);
    void *owner;
};

struct advisor *advisor_new(const struct advisor_conf *conf);
/* Call before freeing the pools: their cancel callbacks use this. NULL is allowed. */
void advisor_stop(struct advisor *advisor);
void advisor_free(struct advisor *advisor); /* after the pools */

/* Periodic work: looks if it is time. leads: whether this controller does. The first look comes a period
 * after that began, a minute at most. */
void advisor_run(struct advisor *advisor, bool leads, uint64_t period_ms);
void advisor_count(struct advisor *advisor, bool leads); /* reads how many are open, for the metrics */

/* As last counted; all zero while this controller does not lead. */
struct db_advice_counts advisor_counts(const struct advisor *advisor);

#endif
