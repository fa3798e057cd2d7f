#include "controller/core/decaying_histogram.h"

#include <math.h>
#include <string.h>

#define EXPONENT_MAX 100.0 /* half-lives that a value may be later than the reference */

void decaying_histogram_init(struct decaying_histogram *h, double first, uint64_t half_life_s)
{
    *h = (struct decaying_histogram){.first = first, .half_life_s = half_life_s};
}

/* Bucket n is as wide as first * ratio^n, so it ends at first * (ratio^(n+1) - 1) / (ratio - 1). */
static double bucket_end(const struct decaying_histogram *h, unsigned n)
{
    return h->first * (pow(DECAYING_HISTOGRAM_RATIO, n + 1) - 1) / (DECAYING_HISTOGRAM_RATIO - 1);
}

static unsigned bucket_of(const struct decaying_histogram *h, double value)
{
    if (!(value > h->first))
        return 0;
    double n =
        ceil(log1p(value * (DECAYING_HISTOGRAM_RATIO - 1) / h->first) / log(DECAYING_HISTOGRAM_RATIO) - 1e-9);
    return n > DECAYING_HISTOGRAM_BUCKETS ? DECAYING_HISTOGRAM_BUCKETS - 1 : (unsigned)n - 1;
}

static double half_lives(const struct decaying_histogram *h, uint64_t from_s, uint64_t to_s)
{
    double seconds = to_s >= from_s ? (double)(to_s - from_s) : -(double)(from_s - to_s);
    return seconds / (double)h->half_life_s;
}

static void move_reference(struct decaying_histogram *h, uint64_t to_s)
{
    double factor = exp2(-half_lives(h, h->reference_s, to_s));
    for (unsigned n = 0; n < DECAYING_HISTOGRAM_BUCKETS; n++)
        h->weight[n] *= factor;
    h->total *= factor;
    h->reference_s = to_s;
}

void decaying_histogram_add(struct decaying_histogram *h, double value, double weight, uint64_t at_s)
{
    if (decaying_histogram_empty(h))
        h->reference_s = at_s;
    if (half_lives(h, h->reference_s, at_s) > EXPONENT_MAX)
        move_reference(h, at_s);
    weight *= exp2(half_lives(h, h->reference_s, at_s));
    h->weight[bucket_of(h, value)] += weight;
    h->total += weight;
}

bool decaying_histogram_empty(const struct decaying_histogram *h)
{
    return !(h->total > 0);
}

double decaying_histogram_percentile(const struct decaying_histogram *h, double share)
{
    double sum = 0;
    unsigned last = 0;
    if (decaying_histogram_empty(h))
        return 0;
    for (unsigned n = 0; n < DECAYING_HISTOGRAM_BUCKETS; n++) {
        if (!(h->weight[n] > 0))
            continue;
        last = n;
        sum += h->weight[n];
        if (sum >= share * h->total)
            break;
    }
    return bucket_end(h, last);
}
