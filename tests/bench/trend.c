/*
 * How far the forecast of the trend (controller/core/trend.h) is from what comes, beside the naive one that
 * the last value stays: on synthetic loads whose right answers are known, of a capacity of 1000, with noise,
 * each many times. "error": the mean distance at the end of two weeks (days 1 to 14 after the last known
 * one), in percent of the capacity. "days": until the capacity is reached, where it is: the truth, and the
 * mean of what is forecast; naive says never. "false": of loads that do not grow, how often growth is
 * reported.
 *
 * usage: trend [RUNS [DAYS]]    by default 500 runs of 56 days
 */
#include "tests/lib/load_shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define AHEAD 14
#define NOISE 45 /* a standard deviation of 15, of a capacity of 1000 */

struct sums {
    double trend, naive, days, known, grows, held;
};

/* Days until the load without noise reaches the capacity; beyond ten years never. */
static double truth_until(enum load_shape shape, size_t known)
{
    for (int ahead = 0; ahead < 3650; ahead++) {
        if (shape_at(shape, (double)known - 1 + ahead, (double)known) >= SHAPE_CAPACITY)
            return ahead;
    }
    return INFINITY;
}

static void measure(enum load_shape shape, size_t known, uint64_t seed, double until, struct sums *sums)
{
    struct trend_point p[TREND_POINTS_MAX];
    shape_points(shape, known, NOISE, seed, p);
    struct trend t = trend_of(p, known);
    for (int ahead = 1; ahead <= AHEAD; ahead++) {
        double day = (double)known - 1 + ahead, truth = shape_at(shape, day, (double)known);
        double forecast = trend_at(&t, day) < SHAPE_CAPACITY ? trend_at(&t, day) : SHAPE_CAPACITY;
        sums->trend += fabs(forecast - truth) / SHAPE_CAPACITY / AHEAD;
        sums->naive += fabs(p[known - 1].value - truth) / SHAPE_CAPACITY / AHEAD;
    }
    struct trend_until u = trend_until(&t, SHAPE_CAPACITY);
    sums->grows += t.slope_low > 0;
    if (isfinite(u.days)) {
        sums->days += u.days;
        sums->known++;
    }
    sums->held += u.least <= until && until <= u.most;
}

static void show(enum load_shape shape, size_t known, int runs)
{
    struct sums s = {0};
    double until = truth_until(shape, known);
    char truth[16] = "never", said[16] = "never";
    for (int i = 0; i < runs; i++)
        measure(shape, known, (uint64_t)i * SHAPES + (uint64_t)shape, until, &s);
    if (isfinite(until)) {
        snprintf(truth, sizeof truth, "%.0f", until);
        snprintf(said, sizeof said, "%.1f", s.known > 0 ? s.days / s.known : INFINITY);
    }
    printf("%-18s %9.2f %% %9.2f %% %8s %8s %8.0f %% %9.0f %%\n", shape_names[shape], 100 * s.trend / runs,
           100 * s.naive / runs, truth, said, 100 * s.held / runs, 100 * s.grows / runs);
}

int main(int argc, char **argv)
{
    int runs = argc > 1 ? atoi(argv[1]) : 500;
    size_t days = argc > 2 ? (size_t)atoi(argv[2]) : 56;
    if (runs < 1 || days < TREND_LEAST || days > TREND_POINTS_MAX)
        return 2;
    clock_t begun = clock();
    printf("%-18s %11s %11s %8s %8s %10s %11s\n", "load", "error", "naive", "days", "forecast", "in range",
           "growth said");
    for (int shape = 0; shape < SHAPES; shape++)
        show((enum load_shape)shape, days, runs);
    printf("a forecast takes %.0f us\n", (double)(clock() - begun) / CLOCKS_PER_SEC * 1e6 / runs / SHAPES);
    return 0;
}
