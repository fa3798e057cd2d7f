/* GET /metrics, in Prometheus' text format 0.0.4: the rows of metrics.def, in their order. */
#include "controller/ops/metric_series.h"
#include "controller/ops/ops.h"

#define METRIC(name, TYPE, UNIT, help, value)                                                                \
    static double value_##name(const struct controller *c)                                                   \
    {                                                                                                        \
        return (double)(value);                                                                              \
    }
#define SERIES(...)
#include "controller/ops/metrics.def"
#undef METRIC
#undef SERIES

#define GAUGE     "gauge"
#define COUNTER   "counter"
#define SUMMARY   "summary"
#define HISTOGRAM "histogram"

static const struct metric {
    const char *name, *type, *labels, *help;
    double (*value)(const struct controller *c); /* NULL: it has series */
    metric_series_fn *series;
} metrics[] = {
#define METRIC(name, TYPE, UNIT, help, value)                     {#name, TYPE, "", help, value_##name, NULL},
#define SERIES(name, TYPE, UNIT, labels, bounded, help, function) {#name, TYPE, labels, help, NULL, function},
#include "controller/ops/metrics.def"
#undef METRIC
#undef SERIES
};

void ops_metrics(void *owner, struct api_call *call)
{
    const struct controller *c = owner;
    struct metric_text out = {0};
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++) {
        metric_text_begin(&out, metrics[i].name, metrics[i].type, metrics[i].labels, metrics[i].help);
        if (metrics[i].value)
            metric_text_put(&out, metrics[i].value(c), NULL);
        else
            metrics[i].series(&out, c);
    }
    api_answer_text(call, 200, "text/plain; version=0.0.4; charset=utf-8", out.text.data);
    text_fini(&out.text);
}
