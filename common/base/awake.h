/*
 * The time that this process has been able to run, for judging how long others have been silent. While the
 * process is stopped, starved or suspended with its machine, it reads nothing of what others send, so that
 * time must not count against them. Each reading adds at most AWAKE_STEP_MS to the one before; a caller that
 * is awake reads the clock more often than that. Do not use it for deadlines: they also run while a process
 * sleeps. Pure.
 */
#ifndef CORRAL_COMMON_BASE_AWAKE_H
#define CORRAL_COMMON_BASE_AWAKE_H

#include <stdint.h>

#define AWAKE_STEP_MS 1000

/* Starts all zero; the first reading then equals now. The caller's memory. */
struct awake {
    uint64_t seen_ms, awake_ms;
};

/* Returns this clock's time. now: milliseconds of a clock that does not jump and counts suspension. */
uint64_t awake_read(struct awake *awake, uint64_t now);

#endif
