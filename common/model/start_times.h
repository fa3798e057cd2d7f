/*
 * How long each step of a sandbox's start took. A step that did not take place, or that nobody measured, is
 * absent; it is never given as 0. The steps of a node follow each other without a gap, on its clock that does
 * not jump. Pure.
 */
#ifndef CORRAL_COMMON_MODEL_START_TIMES_H
#define CORRAL_COMMON_MODEL_START_TIMES_H

#include <stdbool.h>
#include <stdint.h>

enum start_time {
#define START_TIME(KIND, ...) START_TIME_##KIND,
#include "common/model/start_time.def"
#undef START_TIME
    START_TIME_COUNT
};

#define START_TIME_MAX_MS 86400000u /* of a step: a day */

struct start_times {
    uint32_t measured; /* 1 << step of each that is present */
    uint32_t ms[START_TIME_COUNT];
};

/* As the API names it. Static. */
const char *start_time_name(enum start_time step);

/* Whether a node measures it; the controller measures the others. */
bool start_time_by_node(enum start_time step);

static inline bool start_times_has(const struct start_times *times, enum start_time step)
{
    return times->measured & (1u << step);
}

/* Adds to a step, which is present from then on. A step stops at START_TIME_MAX_MS. */
void start_times_add(struct start_times *times, enum start_time step, uint64_t ms);

/* The sum of all steps that are present. */
uint64_t start_times_sum(const struct start_times *times);

/* Leaves of a node's report what a node can measure: removes other steps, lowers each to START_TIME_MAX_MS.
 * Returns false where something had to be changed. */
bool start_times_of_node(struct start_times *times);

/* Measures one step after the other. All zero: none has begun. `now` in milliseconds. */
struct start_watch {
    struct start_times times;
    enum start_time step;
    bool begun;
    uint64_t since_ms;
};

/* The step that was under way ends now, and this one begins. A step may come more than once: its times add
 * up. */
void start_watch_step(struct start_watch *watch, enum start_time step, uint64_t now);

/* The last step ends now. */
void start_watch_end(struct start_watch *watch, uint64_t now);

#endif
