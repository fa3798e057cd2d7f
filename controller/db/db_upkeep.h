/*
 * What the database needs from time to time: partitions ahead of time, and rows that are past their term
 * removed (sql/functions/upkeep.sql). Each step by itself, partitions first, in batches of bounded time on a
 * connection and a thread of its own, so that no request waits behind it; what one round does not finish the
 * next goes on with. One controller at a time does it: anyone who holds the advisory lock (20011, 31),
 * whether it leads or not: it removes only what the database's clock and the rows themselves say is past its
 * term, and no leader knows any of it better. So its sessions are of no leadership, and not held to one
 * (hold_to_epoch).
 *
 * Lifecycle: new, start, free. On the loop.
 */
#ifndef CORRAL_CONTROLLER_DB_UPKEEP_H
#define CORRAL_CONTROLLER_DB_UPKEEP_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct db_upkeep;

#define DB_UPKEEP_STEPS 9

/* Days; 0: for ever (but of samples and events). */
struct db_upkeep_terms {
    uint64_t sample_days, event_days, sandbox_days, key_days, user_days, node_days, audit_days;
};

/* How a step is. */
struct db_upkeep_step {
    const char *name;         /* static */
    uint64_t removed;         /* since the start; of 'partitions': made */
    uint64_t failures;        /* calls that failed, since the start */
    uint64_t overdue_seconds; /* for how long the oldest has been past its term, after the last round */
    bool failed;              /* in the last round; why says how */
    char why[160];
};

struct db_upkeep_conf {
    struct loop *loop;
    const char *url;                     /* copied */
    const struct db_upkeep_terms *terms; /* those in force; borrowed */
    void (*on_round)(void *arg);         /* optional: a round is over, well or not */
    void *arg;
};

/* ERR_IO: no thread. *out is the caller's. */
int db_upkeep_new(struct db_upkeep **out, const struct db_upkeep_conf *conf, struct err *e) MUST_CHECK;
/* The first round now, then one a minute; at once again while there is more than a round may take. */
void db_upkeep_start(struct db_upkeep *upkeep);
/* Breaks off what is under way. NULL is allowed. */
void db_upkeep_free(struct db_upkeep *upkeep);

/* DB_UPKEEP_STEPS of them, borrowed. */
const struct db_upkeep_step *db_upkeep_steps(const struct db_upkeep *upkeep);
/* The last round left something for the next. */
bool db_upkeep_more(const struct db_upkeep *upkeep);
/* How long ago the last round that came to its end was, in seconds; since the start where none was. */
uint64_t db_upkeep_age_seconds(const struct db_upkeep *upkeep);
/*
 * By how much what is past its term is held back, after the last round: PostgreSQL's clock went further than
 * anybody's clock that does not jump (upkeep_now).
 */
uint64_t db_upkeep_held_seconds(const struct db_upkeep *upkeep);

/* An administrator says that PostgreSQL's clock is right: nothing is held back from now on. Blocks. */
int db_upkeep_accept_clock(const char *url, uint64_t *held_seconds, struct err *e) MUST_CHECK;

#endif
