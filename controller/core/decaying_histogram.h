/*
 * A histogram whose older values weigh less: each weight halves every half_life_s. The buckets grow by the
 * same ratio, so the relative error of a percentile is bounded by it. The idea is that of the Vertical Pod
 * Autoscaler's recommender (Kubernetes, autoscaler/vertical-pod-autoscaler, "decaying histogram"): instead of
 * shrinking old weights, later values are given larger ones, relative to a reference time that is moved when
 * they would grow too large. Values may be added in any order of time. Of fixed size; pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_DECAYING_HISTOGRAM_H
#define CORRAL_CONTROLLER_CORE_DECAYING_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

#define DECAYING_HISTOGRAM_BUCKETS 256
#define DECAYING_HISTOGRAM_RATIO   1.05

struct decaying_histogram {
    double first; /* width of the first bucket, which begins at 0 */
    uint64_t half_life_s, reference_s;
    double total, weight[DECAYING_HISTOGRAM_BUCKETS];
};

void decaying_histogram_init(struct decaying_histogram *h, double first, uint64_t half_life_s);

/* Adds a value; at_s is the time that it is of, in seconds. What is above the last bucket counts in it. */
void decaying_histogram_add(struct decaying_histogram *h, double value, double weight, uint64_t at_s);

bool decaying_histogram_empty(const struct decaying_histogram *h);

/*
 * The end of the bucket in which this share (0 to 1) of the weight is reached, so at least the percentile,
 * and at most DECAYING_HISTOGRAM_RATIO times that and `first`. 0 of an empty histogram.
 */
double decaying_histogram_percentile(const struct decaying_histogram *h, double share);

#endif
