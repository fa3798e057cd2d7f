/*
 * Another machine's wall clock, as it is seen from here: how far it is from our clock that does not jump, to
 * within the time that its answers took; and when it was set. Clocks that only drift, or are slewed, are
 * followed; where one is set by little again and again, that adds up. Pure: times in milliseconds, ours as
 * loop_now_ms, theirs as Unix time.
 */
#ifndef CORRAL_CONTROLLER_CORE_CLOCK_WATCH_H
#define CORRAL_CONTROLLER_CORE_CLOCK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_STEP_MS 1000 /* what a clock was set by less is told once it has added up to it */

/* All zero at first. */
struct clock_watch {
    bool known;
    int64_t least_ms, most_ms; /* theirs less ours lies between */
    uint64_t seen_ms;
    int64_t slid_ms; /* by how much it was set, all in all, since that was last told */
};

/* They said theirs_ms, after asked_ms and before now. Returns by how much it was set since that was last
 * told; 0: not, or by too little. */
int64_t clock_watch_sample(struct clock_watch *watch, uint64_t asked_ms, uint64_t now, int64_t theirs_ms);

/* Theirs less ours, where it is known. */
int64_t clock_watch_offset(const struct clock_watch *watch);

#endif
