#include "controller/core/trend.h"

#include "common/base/mem.h"

#include <math.h>
#include <stdlib.h>

#define PAIRS_MAX     (TREND_POINTS_MAX * (TREND_POINTS_MAX - 1) / 2)
#define NORMAL_90     1.645 /* of the standard normal distribution, 90 % are within this */
#define STEP_SIDE     5     /* points on either side of a step */
#define STEP_BETTER   0.6   /* two levels deviate by less than this share of what a line does */
#define SEASON_BETTER 0.7   /* the same of a line with days of the week */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The value at a rank from 0 to count - 1, interpolated; of sorted values. */
static double at_rank(const double *sorted, size_t count, double rank)
{
    if (rank <= 0)
        return sorted[0];
    if (rank >= (double)(count - 1))
        return sorted[count - 1];
    size_t below = (size_t)rank;
    return sorted[below] + (sorted[below + 1] - sorted[below]) * (rank - (double)below);
}

/* Sorts the values. */
static double quantile_of(double *values, size_t count, double share)
{
    qsort(values, count, sizeof *values, by_value);
    return at_rank(values, count, share * (double)(count - 1));
}

static double median_of(double *values, size_t count)
{
    return quantile_of(values, count, 0.5);
}

static unsigned weekday(double day)
{
    long whole = (long)floor(day) % TREND_WEEK;
    return (unsigned)(whole < 0 ? whole + TREND_WEEK : whole);
}

/* --- slope --- */

/* The variance of Kendall's S of n points, without ties. */
static double variance_of(size_t n)
{
    double k = (double)n;
    return k * (k - 1) * (2 * k + 5) / 18;
}

static double variance(const struct trend_point *p, size_t count, bool weekly)
{
    size_t of_day[TREND_WEEK] = {0};
    double sum = 0;
    if (!weekly)
        return variance_of(count);
    for (size_t i = 0; i < count; i++)
        of_day[weekday(p[i].day)]++;
    for (unsigned d = 0; d < TREND_WEEK; d++)
        sum += variance_of(of_day[d]);
    return sum;
}

static size_t slopes_of(const struct trend_point *p, size_t count, bool weekly, double *out)
{
    size_t pairs = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++) {
            if (p[k].day > p[i].day && (!weekly || weekday(p[k].day) == weekday(p[i].day)))
                out[pairs++] = (p[k].value - p[i].value) / (p[k].day - p[i].day);
        }
    }
    return pairs;
}

static bool find_slope(struct trend *t, const struct trend_point *p, size_t count)
{
    double *slopes = mem_zalloc(PAIRS_MAX * sizeof *slopes);
    size_t pairs = slopes_of(p, count, t->weekly, slopes);
    if (pairs) {
        double half = NORMAL_90 * sqrt(variance(p, count, t->weekly)) / 2, middle = (double)(pairs - 1) / 2;
        t->slope = median_of(slopes, pairs);
        t->slope_low = at_rank(slopes, pairs, middle - half);
        t->slope_high = at_rank(slopes, pairs, middle + half);
    }
    free(slopes);
    return pairs > 0;
}

/* --- level, season, spread --- */

static double line_at(const struct trend *t, double day)
{
    return t->level + t->slope * (day - t->last);
}

double trend_at(const struct trend *trend, double day)
{
    return line_at(trend, day) + trend->season[weekday(day)];
}

static void find_season(struct trend *t, const struct trend_point *p, size_t count)
{
    double off[TREND_POINTS_MAX];
    for (unsigned d = 0; d < TREND_WEEK; d++) {
        size_t n = 0;
        for (size_t i = 0; i < count; i++) {
            if (weekday(p[i].day) == d)
                off[n++] = p[i].value - line_at(t, p[i].day);
        }
        t->season[d] = n ? median_of(off, n) : 0;
    }
}

/* The sum of absolute deviations; seasonal: from line and season, else from the line alone. */
static double deviation_from(const struct trend *t, const struct trend_point *p, size_t count, bool seasonal)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += fabs(p[i].value - (seasonal ? trend_at(t, p[i].day) : line_at(t, p[i].day)));
    return sum;
}

static void find_level(struct trend *t, const struct trend_point *p, size_t count)
{
    double off[TREND_POINTS_MAX];
    for (size_t i = 0; i < count; i++)
        off[i] = p[i].value - t->slope * (p[i].day - t->last);
    t->level = median_of(off, count);
    if (t->weekly)
        find_season(t, p, count);
    for (size_t i = 0; i < count; i++)
        off[i] = fabs(p[i].value - trend_at(t, p[i].day));
    t->spread = quantile_of(off, count, 0.9);
}

static struct trend fit(const struct trend_point *p, size_t count, bool weekly)
{
    struct trend t = {.points = count, .weekly = weekly, .last = p[count - 1].day};
    t.known = count >= TREND_LEAST && find_slope(&t, p, count);
    if (t.known)
        find_level(&t, p, count);
    return t;
}

/* Days of the week that are not evident are noise: then all pairs tell more. */
static struct trend fit_best(const struct trend_point *p, size_t count)
{
    if (count < TREND_WEEKLY)
        return fit(p, count, false);
    struct trend t = fit(p, count, true);
    bool evident =
        t.known && deviation_from(&t, p, count, true) < SEASON_BETTER * deviation_from(&t, p, count, false);
    return evident ? t : fit(p, count, false);
}

/* --- steps --- */

/* The sum of absolute deviations from the median. */
static double deviation(const struct trend_point *p, size_t count)
{
    double values[TREND_POINTS_MAX], sum = 0;
    for (size_t i = 0; i < count; i++)
        values[i] = p[i].value;
    double middle = median_of(values, count);
    for (size_t i = 0; i < count; i++)
        sum += fabs(p[i].value - middle);
    return sum;
}

/* Where the points after the last step begin; 0: there is none. */
static size_t step_of(const struct trend *t, const struct trend_point *p, size_t count)
{
    double least = deviation_from(t, p, count, false) * STEP_BETTER;
    size_t at = 0;
    for (size_t k = STEP_SIDE; k + STEP_SIDE <= count; k++) {
        double both = deviation(p, k) + deviation(p + k, count - k);
        if (both < least) {
            least = both;
            at = k;
        }
    }
    return at;
}

struct trend trend_of(const struct trend_point *points, size_t count)
{
    size_t over = count > TREND_POINTS_MAX ? count - TREND_POINTS_MAX : 0;
    bool stepped = false;
    points += over;
    count -= over;
    if (!count)
        return (struct trend){0};
    struct trend t = fit_best(points, count);
    for (size_t at; t.known && (at = step_of(&t, points, count)); stepped = true) {
        points += at;
        count -= at;
        t = fit_best(points, count);
    }
    t.stepped = stepped;
    return t;
}

/* --- limits --- */

static double days_until(double room, double slope)
{
    return room <= 0 ? 0 : slope > 0 ? room / slope : INFINITY;
}

struct trend_until trend_until(const struct trend *t, double limit)
{
    double peak = 0;
    for (unsigned d = 0; d < TREND_WEEK; d++)
        peak = t->season[d] > peak ? t->season[d] : peak;
    double room = limit - t->level - peak;
    return (struct trend_until){.days = days_until(room, t->slope),
                                .least = days_until(room - t->spread, t->slope_high),
                                .most = days_until(room > 0 ? room + t->spread : 0, t->slope_low)};
}
