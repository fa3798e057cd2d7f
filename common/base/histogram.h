/*
 * Counts how often something took how long, in fixed buckets, as Prometheus' histograms do. Starts all zero;
 * never allocates, so what a histogram costs is known beforehand. Times are in microseconds. Pure.
 */
#ifndef CORRAL_COMMON_BASE_HISTOGRAM_H
#define CORRAL_COMMON_BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS_MAX 14

/* The upper bounds of the buckets, ascending; 0 ends them. The bucket after the last takes what is above. */
struct histogram_bounds {
    uint64_t us[HISTOGRAM_BOUNDS_MAX + 1];
};

struct histogram {
    uint64_t in[HISTOGRAM_BOUNDS_MAX + 1]; /* each time in the first bucket that takes it */
    uint64_t count, sum_us;
};

/* A bound takes what is equal to it. */
void histogram_add(struct histogram *histogram, const struct histogram_bounds *bounds, uint64_t us);

/* Adds the counts of another histogram with the same bounds. */
void histogram_merge(struct histogram *into, const struct histogram *from);

/* How many buckets have an upper bound. */
size_t histogram_bound_count(const struct histogram_bounds *bounds);

#endif
