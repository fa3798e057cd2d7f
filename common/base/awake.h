/*
 * A clock for judging whether others are silent: it stands still while this process did, stopped, starved or
 * suspended with its machine, for what others said meanwhile is not read yet. Between two looks at it at most
 * AWAKE_STEP_MS pass, however long they lie apart; so it is looked at more often than that. Deadlines are not
 * its business: they hold anyone who slept. Pure.
 */
#ifndef CORRAL_COMMON_AWAKE_H
#define CORRAL_COMMON_AWAKE_H

#include <stdint.h>

#define AWAKE_STEP_MS 1000

/* All zero at first: the first sample then begins with the clock that does not jump. The caller's memory. */
struct awake {
    uint64_t seen_ms, awake_ms;
};

/* now: of the clock that does not jump and counts suspension. What this one shows now. */
uint64_t awake_sample(struct awake *awake, uint64_t now);

#endif
