#include "common/base/histogram.h"

size_t histogram_bound_count(const struct histogram_bounds *bounds)
{
    size_t count = 0;
    while (count < HISTOGRAM_BOUNDS_MAX && bounds->us[count])
        count++;
    return count;
}

void histogram_add(struct histogram *histogram, const struct histogram_bounds *bounds, uint64_t us)
{
    size_t last = histogram_bound_count(bounds), i = 0;
    while (i < last && us > bounds->us[i])
        i++;
    histogram->in[i]++;
    histogram->count++;
    histogram->sum_us += us;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS_MAX; i++)
        into->in[i] += from->in[i];
    into->count += from->count;
    into->sum_us += from->sum_us;
}
