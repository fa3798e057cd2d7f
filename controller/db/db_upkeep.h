/*
 * Periodic maintenance of the database: creates partitions ahead of time, and removes rows that are past
 * their term (sql/functions/upkeep.sql). Each step runs by itself, partitions first, in batches of bounded
 * time, on a connection and a thread of its own, so that no request waits behind it; the next round continues
 * what one round did not finish. One controller at a time does it: the one that holds the advisory lock
 * (20011, 31), whether it leads or not, since upkeep depends only on the database's clock and the rows
 * themselves. So its sessions have no leadership epoch (hold_to_epoch).
 *
 * Lifecycle: new, start, free. On the loop.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_UPKEEP_H
#define CORRAL_CONTROLLER_DB_DB_UPKEEP_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct db_upkeep;

#define DB_UPKEEP_STEPS 25

/* Days; 0: for ever (not allowed for samples of both kinds, minutes, hours, activity, events, deliveries and
 * the system's history). */
struct db_upkeep_terms {
    uint64_t sample_days, event_days, sandbox_days, key_days, user_days, node_days, audit_days, activity_days,
        delivery_days, minute_days, hour_days, system_sample_days, system_days;
};

/* The status of a step. */
struct db_upkeep_step {
    const char *name;         /* static */
    uint64_t removed;         /* since the start; for 'partitions' and 'rollups': created */
    uint64_t failures;        /* calls that failed, since the start */
    uint64_t overdue_seconds; /* for how long the oldest row has been past its term, after the last round */
    bool failed;              /* failed in the last round; see why */
    char why[160];
};

struct db_upkeep_conf {
    struct loop *loop;
    const char *url;                     /* copied */
    const struct db_upkeep_terms *terms; /* those in force; borrowed */
    void (*on_round)(void *arg);         /* optional: a round is over, failed or not */
    void *arg;
};

/* ERR_IO: the thread cannot be started. *out is the caller's. */
int db_upkeep_new(struct db_upkeep **out, const struct db_upkeep_conf *conf, struct err *e) MUST_CHECK;
/*
 * Starts the first round now, then one a minute; the next follows at once while more remains than a round may
 * take.
 */
void db_upkeep_start(struct db_upkeep *upkeep);
/* Cancels the round under way. NULL is allowed. */
void db_upkeep_free(struct db_upkeep *upkeep);

/* DB_UPKEEP_STEPS of them, borrowed. */
const struct db_upkeep_step *db_upkeep_steps(const struct db_upkeep *upkeep);
/* Whether the last round left something for the next. */
bool db_upkeep_more(const struct db_upkeep *upkeep);
/* Seconds since the last complete round; since the start where there was none. */
uint64_t db_upkeep_age_seconds(const struct db_upkeep *upkeep);
/*
 * By how many seconds removal is held back, after the last round: PostgreSQL's clock advanced further than
 * any monotonic clock that watched it (upkeep_now).
 */
uint64_t db_upkeep_held_seconds(const struct db_upkeep *upkeep);

/* An administrator confirms that PostgreSQL's clock is right: nothing is held back from now on. Blocks. */
int db_upkeep_accept_clock(const char *url, uint64_t *held_seconds, struct err *e) MUST_CHECK;

#endif
