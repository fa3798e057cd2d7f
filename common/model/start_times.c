#include "common/model/start_times.h"

#include <stddef.h>

const char *start_time_name(enum start_time step)
{
    static const char *const names[] = {
#define START_TIME(KIND, name, ...) #name,
#include "common/model/start_time.def"
#undef START_TIME
    };
    return names[step];
}

bool start_time_by_node(enum start_time step)
{
    enum { CONTROLLER, NODE };
    static const unsigned char by[] = {
#define START_TIME(KIND, name, BY, ...) BY,
#include "common/model/start_time.def"
#undef START_TIME
    };
    return by[step] == NODE;
}

void start_times_add(struct start_times *times, enum start_time step, uint64_t ms)
{
    uint32_t room = START_TIME_MAX_MS - times->ms[step];
    times->measured |= 1u << step;
    times->ms[step] += ms < room ? (uint32_t)ms : room;
}

uint64_t start_times_sum(const struct start_times *times)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < START_TIME_COUNT; i++)
        sum += start_times_has(times, (enum start_time)i) ? times->ms[i] : 0;
    return sum;
}

bool start_times_of_node(struct start_times *times)
{
    struct start_times fit = {0};
    bool good = true;
    for (unsigned i = 0; i < START_TIME_COUNT; i++) {
        enum start_time step = (enum start_time)i;
        if (start_time_by_node(step) && start_times_has(times, step)) {
            start_times_add(&fit, step, times->ms[i]);
            good = good && fit.ms[i] == times->ms[i];
        }
    }
    good = good && fit.measured == times->measured;
    *times = fit;
    return good;
}

void start_watch_step(struct start_watch *watch, enum start_time step, uint64_t now)
{
    start_watch_end(watch, now);
    watch->step = step;
    watch->since_ms = now;
    watch->begun = true;
}

void start_watch_end(struct start_watch *watch, uint64_t now)
{
    if (watch->begun)
        start_times_add(&watch->times, watch->step, now - watch->since_ms);
    watch->begun = false;
}
