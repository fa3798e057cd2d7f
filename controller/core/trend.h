/*
 * The trend of one figure over days, from a point a day, for a forecast of weeks. Robust: a day that is far
 * off changes nothing. Pure.
 *
 * - Slope: the median of the slopes of all pairs of points (Theil 1950), with the interval of Sen (1968) from
 *   the variance of Kendall's S. Where the days of the week differ, only pairs whole weeks apart count
 * (Hirsch, Slack and Smith 1982; interval by Gilbert 1987, 16.5): a week that ends does not look like a
 * trend.
 * - A step: if two levels explain the points much better than a line, by the sum of absolute deviations, only
 *   the points after the step count: what lies before it does not go on.
 * - Season: the median deviation of each day of the week from the line, where that is evident.
 */
#ifndef CORRAL_CONTROLLER_CORE_TREND_H
#define CORRAL_CONTROLLER_CORE_TREND_H

#include <stdbool.h>
#include <stddef.h>

#define TREND_POINTS_MAX 92
#define TREND_LEAST      7  /* points; of fewer nothing is known */
#define TREND_WEEKLY     28 /* of fewer the days of the week are not told apart */
#define TREND_WEEK       7

/* day: counted from any day on, the same for all points; days may be missing. */
struct trend_point {
    double day, value;
};

struct trend {
    bool known;
    bool weekly;                         /* it has a season */
    bool stepped;                        /* only the points since a step count */
    size_t points;                       /* that count */
    double last;                         /* the last day */
    double slope, slope_low, slope_high; /* a day; the interval holds the slope in 90 of 100 cases */
    double level;                        /* of the line, on the last day */
    double spread;                       /* nine of ten points are within so much of line and season */
    double season[TREND_WEEK];           /* what a day of the week is above the line, by day modulo 7 */
};

/* points: in the order of their days; of more than TREND_POINTS_MAX the last ones count. */
struct trend trend_of(const struct trend_point *points, size_t count);

/* The value to be expected on a day. */
double trend_at(const struct trend *trend, double day);

/* Days from the last day on until the busiest day of a week reaches a limit: to be expected, and at the least
 * and the most by the interval. INFINITY: never; 0: it has. */
struct trend_until {
    double days, least, most;
};
struct trend_until trend_until(const struct trend *trend, double limit);

#endif
