/*
 * Watches the wall clock of another machine: its offset from our monotonic clock, to within the round-trip
 * time of its answers, and when it was set. Drift and slewing are followed; small steps add up until they
 * reach CLOCK_STEP_MS. Pure. Milliseconds: our times are loop_now_ms, theirs are Unix time.
 */
#ifndef CORRAL_CONTROLLER_CORE_CLOCK_WATCH_H
#define CORRAL_CONTROLLER_CORE_CLOCK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_STEP_MS 1000 /* smaller steps are reported when their sum reaches this */

/* All zero at first. */
struct clock_watch {
    bool known;
    int64_t least_ms, most_ms; /* bounds on their clock minus ours */
    uint64_t seen_ms;
    int64_t slid_ms; /* sum of the steps that were not reported yet */
};

/*
 * Takes one reading: their clock said theirs_ms at some time between asked_ms and now. Returns the sum of the
 * steps since the last report; 0 where there was none, or too small a one.
 */
int64_t clock_watch_sample(struct clock_watch *watch, uint64_t asked_ms, uint64_t now, int64_t theirs_ms);

/* Their clock minus ours; only while `known`. */
int64_t clock_watch_offset(const struct clock_watch *watch);

#endif
