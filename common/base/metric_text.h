/*
 * Writes metrics in Prometheus' text format 0.0.4. Values of labels are escaped, so that the text is well
 * formed whatever they hold. Pure.
 */
#ifndef CORRAL_COMMON_BASE_METRIC_TEXT_H
#define CORRAL_COMMON_BASE_METRIC_TEXT_H

#include "common/base/histogram.h"
#include "common/base/text.h"

#define METRIC_LABELS_MAX 4

/* Starts with text all zero; the result is text.data, which text_fini frees. */
struct metric_text {
    struct text text;
    const char *name, *labels; /* of the metric that is written: its labels' names, separated by "," */
};

/* Begins a metric. Borrows all until the next one begins. labels: "" for none; METRIC_LABELS_MAX at most. */
void metric_text_begin(struct metric_text *out, const char *name, const char *type, const char *labels,
                       const char *help);

/* One series of it: the values of its labels, in their order, NULL after the last. Another number of values
 * is a bug, and aborts. */
void metric_text_put(struct metric_text *out, double value, ...) __attribute__((sentinel));

/* As metric_text_put, of a metric whose series are histograms: a series for each bucket, the sum and the
 * count. */
void metric_text_histogram(struct metric_text *out, const struct histogram_bounds *bounds,
                           const struct histogram *histogram, ...) __attribute__((sentinel));

/* The sum and the count of a summary, without labels. */
void metric_text_summary(struct metric_text *out, double sum, uint64_t count);

#endif
