#include "cli/chart.h"

#include <math.h>
#include <string.h>

/* The highest known value of the steps in [from, to); NAN where none is known. */
static double highest(const double *values, size_t from, size_t to)
{
    double found = NAN;
    for (size_t i = from; i < to; i++) {
        if (!isnan(values[i]) && !(values[i] <= found))
            found = values[i];
    }
    return found;
}

/* What is there is seen: only nothing at all has the lowest bar. */
static const char *bar(double value, double top)
{
    static const char *const bars[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                       "\u2585", "\u2586", "\u2587", "\u2588"};
    double exact = value <= 0 || top <= 0 ? 0 : value / top * 7;
    size_t level = exact < 7 ? (size_t)exact : 7;
    if (level < 7 && exact > (double)level)
        level++;
    return isnan(value) ? " " : bars[level];
}

void chart_line(const double *values, size_t count, size_t columns, double top,
                char out[static CHART_TEXT_MAX])
{
    size_t width = columns < CHART_WIDTH_MAX ? columns : CHART_WIDTH_MAX;
    out[0] = 0;
    if (count < width)
        width = count;
    for (size_t i = 0; i < width; i++)
        out = stpcpy(out, bar(highest(values, i * count / width, (i + 1) * count / width), top));
}
