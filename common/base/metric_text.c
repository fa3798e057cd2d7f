#include "common/base/metric_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void metric_text_begin(struct metric_text *out, const char *name, const char *type, const char *labels,
                       const char *help)
{
    out->name = name;
    out->labels = labels;
    const char *const words[] = {"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        text_add(&out->text, words[i]);
}

static void put_escaped(struct text *text, const char *value)
{
    for (; *value; value++) {
        if (*value == '\n')
            text_add(text, "\\n");
        else if (*value == '"' || *value == '\\')
            text_add_bytes(text, (const char[]){'\\', *value}, 2);
        else
            text_add_bytes(text, value, 1);
    }
}

/* The values of the labels of one series, as its caller gave them. */
struct label_values {
    const char *value[METRIC_LABELS_MAX];
    size_t count;
};

static struct label_values take_values(const struct metric_text *out, va_list args)
{
    struct label_values values = {.count = 0};
    const char *value;
    while ((value = va_arg(args, const char *))) {
        if (values.count == METRIC_LABELS_MAX)
            abort();
        values.value[values.count++] = value;
    }
    size_t named = out->labels[0] != 0;
    for (const char *at = out->labels; (at = strchr(at, ',')); at++)
        named++;
    if (named != values.count)
        abort();
    return values;
}

static void put_label(struct text *text, const char *name, size_t len, const char *value, bool first)
{
    text_add(text, first ? "{" : ",");
    text_add_bytes(text, name, len);
    text_add(text, "=\"");
    put_escaped(text, value);
    text_add(text, "\"");
}

/* The name and the labels of one series; le: the bound of a bucket, NULL where it is none. */
static void put_series(struct metric_text *out, const char *suffix, const struct label_values *values,
                       const char *le)
{
    struct text *text = &out->text;
    const char *name = out->labels;
    text_add(text, out->name);
    text_add(text, suffix);
    for (size_t i = 0; i < values->count; i++) {
        size_t len = strcspn(name, ",");
        put_label(text, name, len, values->value[i], i == 0);
        name += len + 1;
    }
    if (le)
        put_label(text, "le", 2, le, values->count == 0);
    text_add(text, values->count || le ? "} " : " ");
}

void metric_text_put(struct metric_text *out, double value, ...)
{
    va_list args;
    va_start(args, value);
    struct label_values values = take_values(out, args);
    va_end(args);
    put_series(out, "", &values, NULL);
    text_fmt(&out->text, "%.17g\n", value);
}

void metric_text_histogram(struct metric_text *out, const struct histogram_bounds *bounds,
                           const struct histogram *histogram, ...)
{
    va_list args;
    va_start(args, histogram);
    struct label_values values = take_values(out, args);
    va_end(args);
    size_t last = histogram_bound_count(bounds);
    uint64_t up_to = 0;
    for (size_t i = 0; i <= last; i++) {
        char storage[32];
        struct text le = text_in(storage, sizeof storage);
        if (i < last)
            text_fmt(&le, "%g", (double)bounds->us[i] / 1e6);
        up_to += histogram->in[i];
        put_series(out, "_bucket", &values, i < last ? le.data : "+Inf");
        text_fmt(&out->text, "%" PRIu64 "\n", up_to);
    }
    put_series(out, "_sum", &values, NULL);
    text_fmt(&out->text, "%.17g\n", (double)histogram->sum_us / 1e6);
    put_series(out, "_count", &values, NULL);
    text_fmt(&out->text, "%" PRIu64 "\n", histogram->count);
}

void metric_text_summary(struct metric_text *out, double sum, uint64_t count)
{
    const struct label_values none = {.count = 0};
    put_series(out, "_sum", &none, NULL);
    text_fmt(&out->text, "%.17g\n", sum);
    put_series(out, "_count", &none, NULL);
    text_fmt(&out->text, "%" PRIu64 "\n", count);
}
