#include "controller/core/clock_watch.h"

#define DRIFT 1000 /* one millisecond in this many: more than clocks drift or are slewed */

static int64_t middle(int64_t least, int64_t most)
{
    return least + (most - least) / 2;
}

int64_t clock_watch_offset(const struct clock_watch *watch)
{
    return middle(watch->least_ms, watch->most_ms);
}

int64_t clock_watch_sample(struct clock_watch *watch, uint64_t asked_ms, uint64_t now, int64_t theirs_ms)
{
    struct clock_watch was = *watch;
    int64_t drift = (int64_t)((now - was.seen_ms) / DRIFT) + 1, step = 0;
    *watch =
        (struct clock_watch){true, theirs_ms - (int64_t)now, theirs_ms - (int64_t)asked_ms, now, was.slid_ms};
    if (!was.known)
        return 0;
    was.least_ms -= drift;
    was.most_ms += drift;
    if (watch->least_ms <= was.most_ms &&
        watch->most_ms >= was.least_ms) { /* the ranges overlap: no step; keep what both allow */
        if (watch->least_ms < was.least_ms)
            watch->least_ms = was.least_ms;
        if (watch->most_ms > was.most_ms)
            watch->most_ms = was.most_ms;
        return 0;
    }
    watch->slid_ms += clock_watch_offset(watch) - clock_watch_offset(&was);
    if (watch->slid_ms > CLOCK_STEP_MS || watch->slid_ms < -CLOCK_STEP_MS) {
        step = watch->slid_ms;
        watch->slid_ms = 0;
    }
    return step;
}
