/*
 * How good right-sizing is, on synthetic shapes of which the future is known: each has three days of memory
 * by the minute; the first two are evidence, the third is what was not seen yet. Beside it, a naive forecast:
 * the last value, with the same margin. Prints the table of docs/right-sizes.md; exits 1 where a
 * recommendation is worse than is promised there. usage: bench_right_size
 */
#include "controller/core/right_size.h"

#include <math.h>
#include <stdio.h>

#define MIB     1048576.0
#define DAY     1440
#define DAYS    2 /* of evidence */
#define LIMIT   (1024 * (uint64_t)MIB)
#define MARGIN  1.15
#define BEGIN_S 1800000000u

/* The same noise in each run: uniform, from -1 to 1. */
static double noise(unsigned minute)
{
    unsigned x = minute * 2654435761u;
    x = (x ^ (x >> 16)) * 2246822519u;
    x = (x ^ (x >> 13)) * 3266489917u;
    return (double)(x ^ (x >> 16)) / 2147483648.0 - 1;
}

static double steady(unsigned m)
{
    return 100 + 2 * noise(m);
}

static double daily(unsigned m)
{
    return 300 + 200 * sin(2 * M_PI * m / DAY) + 5 * noise(m);
}

/* Three minutes of each hour. */
static double bursts(unsigned m)
{
    return (m % 60 < 3 ? 400 : 60) + 5 * noise(m);
}

/* An hour of each night. */
static double nightly(unsigned m)
{
    return (m % DAY < 60 ? 600 : 40) + 3 * noise(m);
}

static double leak(unsigned m)
{
    return 50 + 0.15 * m + noise(m);
}

static double step(unsigned m)
{
    return (m < DAY ? 80 : 240) + 3 * noise(m);
}

static double idle(unsigned m)
{
    return 3 + 0.2 * noise(m);
}

static const struct {
    const char *name;
    double (*of)(unsigned minute);
    double short_most; /* percent of the third day's minutes above the recommendation */
} shapes[] = {
    {"steady", steady, 0},
    {"daily sine", daily, 0},
    {"three busy minutes an hour", bursts, 0},
    {"a busy hour a night", nightly, 0},
    {"step up, a day ago", step, 0},
    {"leak of 9 MiB an hour", leak, 0},
    {"idle", idle, 0},
};

static struct right_size *learned(double (*of)(unsigned minute))
{
    struct right_size *rs = right_size_new(true);
    for (unsigned hour = 0; hour < DAYS * 24; hour++) {
        struct right_size_window w = {.at_s = BEGIN_S + hour * 3600, .samples = 360};
        w.first_s = w.at_s;
        w.last_s = w.at_s + 3590;
        for (unsigned m = 0; m < 60; m++)
            w.memory_kib[m] = (int64_t)(of(hour * 60 + m) * 1024);
        right_size_add(rs, &w);
    }
    return rs;
}

/* Percent of the minutes of the third day that need more than mib. */
static double short_of(double (*of)(unsigned minute), double mib)
{
    unsigned count = 0;
    for (unsigned m = DAYS * DAY; m < (DAYS + 1) * DAY; m++)
        count += of(m) > mib;
    return 100.0 * count / DAY;
}

/* By how many percent mib is above the peak of the third day. */
static double above_peak(double (*of)(unsigned minute), double mib)
{
    double peak = 0;
    for (unsigned m = DAYS * DAY; m < (DAYS + 1) * DAY; m++)
        peak = fmax(peak, of(m));
    return 100 * (mib / peak - 1);
}

int main(void)
{
    int worse = 0;
    const struct right_size_limit limit = {LIMIT, 6291456, LIMIT};
    printf("| shape | recommended | minutes above it | error | last value | minutes above it | error |\n"
           "| --- | --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct right_size_estimate e;
        struct right_size *rs = learned(shapes[i].of);
        if (!right_size_estimate(rs, RIGHT_SIZE_MEMORY, &limit, &e))
            return 1;
        double ours = (double)e.recommended / MIB, naive = shapes[i].of(DAYS * DAY - 1) * MARGIN;
        printf("| %s | %.0f MiB | %.1f %% | %+.0f %% | %.0f MiB | %.1f %% | %+.0f %% |\n", shapes[i].name,
               ours, short_of(shapes[i].of, ours), above_peak(shapes[i].of, ours), naive,
               short_of(shapes[i].of, naive), above_peak(shapes[i].of, naive));
        worse += short_of(shapes[i].of, ours) > shapes[i].short_most;
        right_size_free(rs);
    }
    return worse ? 1 : 0;
}
