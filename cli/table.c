#include "cli/table.h"

#include "cli/term.h"
#include "cli/text.h"

#include "common/base/defs.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NARROWEST 6 /* of a column that is cut, unless its head is wider */
#define STUMP     4 /* of an important column where there is hardly any room */

void table_init(struct table *t, const struct table_column *columns, size_t count)
{
    *t = (struct table){.columns = columns, .count = count};
}

void table_fini(struct table *t)
{
    for (size_t i = 0; i < t->rows * t->count; i++)
        free(t->cells[i].text);
    free(t->cells);
}

void table_add(struct table *t, char *text, enum table_colour colour)
{
    size_t all = t->rows * t->count;
    if (!all || t->cells[all - 1].text) {
        t->cells = mem_grow(t->cells, all + t->count, sizeof *t->cells);
        memset(t->cells + all, 0, t->count * sizeof *t->cells);
        t->rows++;
    }
    struct table_cell *cell = t->cells + (t->rows - 1) * t->count;
    while (cell->text)
        cell++;
    *cell = (struct table_cell){text, colour};
}

/* --- widths --- */

static int taken(const int *widths, size_t count)
{
    int sum = 0, shown = 0;
    for (size_t i = 0; i < count; i++) {
        sum += widths[i];
        shown += widths[i] > 0;
    }
    return sum + TABLE_GAP * (shown - 1);
}

static int narrowest(const struct table_column *column)
{
    int head = text_width(column->head);
    return head > NARROWEST ? head : NARROWEST;
}

/* The column with the highest rank above 0, of those that are shown and wider than their narrowest. -1: none.
 */
static int least_important(const int *widths, const struct table_column *columns, size_t count, bool to_cut)
{
    int found = -1;
    for (size_t i = 0; i < count; i++) {
        bool can = widths[i] > (to_cut ? narrowest(&columns[i]) : 0);
        if (can && columns[i].rank > (found < 0 ? 0 : columns[found].rank))
            found = (int)i;
    }
    return found;
}

static void cut(int *width, int least, int surplus)
{
    int room = *width - least;
    if (room > 0)
        *width -= room < surplus ? room : surplus;
}

void table_fit(int *widths, const struct table_column *columns, size_t count, int columns_of_terminal)
{
    int natural[TABLE_COLUMNS_MAX], worst;
    memcpy(natural, widths, count * sizeof *widths);
    while (taken(widths, count) > columns_of_terminal) {
        worst = least_important(widths, columns, count, true);
        if (worst >= 0) {
            cut(&widths[worst], narrowest(&columns[worst]), taken(widths, count) - columns_of_terminal);
            continue;
        }
        worst = least_important(widths, columns, count, false);
        if (worst < 0)
            break;
        natural[worst] = 0; /* without it, the others may have their room again */
        memcpy(widths, natural, count * sizeof *widths);
    }
    for (size_t i = count; i-- > 0 && taken(widths, count) > columns_of_terminal;)
        cut(&widths[i], STUMP, taken(widths, count) - columns_of_terminal);
}

/* --- printing --- */

static void natural_widths(const struct table *t, bool with_heads, int *widths)
{
    for (size_t c = 0; c < t->count; c++) {
        widths[c] = with_heads ? text_width(t->columns[c].head) : 1;
        for (size_t r = 0; r < t->rows; r++) {
            const char *text = t->cells[r * t->count + c].text;
            int width = text ? text_width(text) : 0;
            if (width > widths[c])
                widths[c] = width;
        }
    }
}

static const char *const colours[] = {[TABLE_PLAIN] = "",
                                      [TABLE_GREEN] = "\033[32m",
                                      [TABLE_YELLOW] = "\033[33m",
                                      [TABLE_RED] = "\033[31m",
                                      [TABLE_DIM] = "\033[2m"};
#define BOLD       "\033[1m"
#define COLOUR_END "\033[0m"

/* Prints one cell in its column; pad: fills the column and the gap after it. */
static void print_cell(const char *text, int width, const char *colour, bool pad)
{
    int full = text_width(text), room = full > width ? width - 1 : width;
    size_t fits = text_fit(text, room, &full);
    printf("%s%.*s%s%s", colour, (int)fits, text, text[fits] ? TEXT_CUT : "", colour[0] ? COLOUR_END : "");
    if (pad)
        printf("%*s", width - full - (text[fits] ? 1 : 0) + TABLE_GAP, "");
}

static size_t last_shown(const int *widths, size_t count)
{
    while (count > 1 && !widths[count - 1])
        count--;
    return count - 1;
}

static void print_row(const struct table *t, const int *widths, size_t row, bool colour)
{
    size_t last = last_shown(widths, t->count);
    for (size_t c = 0; c < t->count; c++) {
        const struct table_cell *cell = &t->cells[row * t->count + c];
        if (widths[c])
            print_cell(cell->text ? cell->text : "", widths[c], colour ? colours[cell->colour] : "",
                       c != last);
    }
    putchar('\n');
}

static void print_heads(const struct table *t, const int *widths, bool colour)
{
    size_t last = last_shown(widths, t->count);
    for (size_t c = 0; c < t->count; c++) {
        if (widths[c])
            print_cell(t->columns[c].head, widths[c], colour ? BOLD : "", c != last);
    }
    putchar('\n');
}

void table_print(const struct table *t, bool with_heads, size_t limit)
{
    int widths[TABLE_COLUMNS_MAX], terminal = term_width();
    bool colour = term_has_colours();
    size_t rows =
        limit && terminal && t->rows > limit ? limit - 1 : t->rows; /* for a program all are shown */
    natural_widths(t, with_heads, widths);
    if (terminal)
        table_fit(widths, t->columns, t->count, terminal);
    if (with_heads)
        print_heads(t, widths, colour);
    for (size_t r = 0; r < rows; r++)
        print_row(t, widths, r, colour);
    if (rows < t->rows)
        printf(TEXT_CUT " and %zu more\n", t->rows - rows);
}
