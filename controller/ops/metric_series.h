/*
 * The metrics with labels: each function writes all series of one metric. metrics.def says which, with the
 * labels' names. Private to metrics.c.
 */
#ifndef CORRAL_CONTROLLER_OPS_METRIC_SERIES_H
#define CORRAL_CONTROLLER_OPS_METRIC_SERIES_H

#include "controller/controller_state.h"
#include "common/base/metric_text.h"

typedef void metric_series_fn(struct metric_text *out, const struct controller *c);

#define METRIC(name, TYPE, UNIT, help, value)
#define SERIES(name, TYPE, UNIT, labels, bounded, help, function) metric_series_fn function;
#include "controller/ops/metrics.def"
#undef METRIC
#undef SERIES

/* Resident memory of this process; 0 where the kernel does not tell. */
double metric_resident_bytes(void);

#endif
