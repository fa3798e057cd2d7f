/* Small charts of a line of text, by the block characters of Unicode. Pure. */
#ifndef CORRAL_CLI_CHART_H
#define CORRAL_CLI_CHART_H

#include <stddef.h>

#define CHART_WIDTH_MAX 512
#define CHART_TEXT_MAX  (CHART_WIDTH_MAX * 3 + 1)

/*
 * Draws count values, one step each, on at most so many columns: several steps share a column where there are
 * more steps, and the highest one is drawn. NAN: nothing is known of the step; a column without a known step
 * is blank. top: what a full bar is; values above it are drawn as full.
 */
void chart_line(const double *values, size_t count, size_t columns, double top,
                char out[static CHART_TEXT_MAX]);

#endif
