/* The history of the system: charts on a terminal, else a table. */
#include "cli/chart.h"
#include "cli/print.h"
#include "cli/table.h"
#include "cli/term.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "common/base/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define USUAL_SECONDS  86400
#define CHART_LEAST    20
#define BESIDE_CHART   58 /* columns for what stands beside a chart */
#define FIGURES_MAX    64 /* of a part: its own, and the codes of refusals */
#define FIGURE_NAME    80
#define POINTS_MAX     1000
#define BUSIEST_IMAGES 10

static const struct opt history_options[] = {
    {"part", 'p', OPT_TEXT, "resources|sandboxes|nodes|creates|starts|queues|activity", "part",
     "What to show; default: resources."},
    {"by", 'b', OPT_TEXT, "system|node|region|tier", "by", "Of what to show a series each; default: system."},
    {"name", 0, OPT_TEXT, "NAME", "name", "Only this node, region or tier."},
    {"from", 0, OPT_TEXT, "TIME", NULL,
     "From this time on, such as 2026-01-02T03:04:05Z, or 7d: so long ago; default: 1d."},
    {"to", 0, OPT_TEXT, "TIME", NULL, "Until this time, or so long ago; default: now."},
    {"step", 0, OPT_SECONDS, "TIME", NULL, "How long a point is; default: as fits the chart."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

/* --- the question --- */

/* Seconds of Unix time that an option says; false, with the error printed, where it says none. */
static bool time_of(const struct cli *cli, const char *option, uint64_t usual_ago, uint64_t *unix_s)
{
    const char *value = cli_option(cli, option);
    uint64_t now = (uint64_t)time(NULL), ago = usual_ago, ns;
    char why[80];
    if (value && rfc3339_valid(value) && rfc3339_read(value, &ns)) {
        *unix_s = ns / 1000000000;
        return true;
    }
    if (value && (!units_parse_seconds(value, &ago) || ago > now)) {
        snprintf(why, sizeof why, "--%s takes a time such as 2026-01-02T03:04:05Z, or 7d", option);
        cli_usage(cli, why);
        return false;
    }
    *unix_s = now - ago;
    return true;
}

static bool draws(const struct cli *cli)
{
    return !cli_wants_json(cli) && term_has_colours();
}

static size_t chart_columns(void)
{
    int room = term_width() - BESIDE_CHART;
    return room < CHART_LEAST ? CHART_LEAST : room > CHART_WIDTH_MAX ? CHART_WIDTH_MAX : (size_t)room;
}

/* The path of the question; NULL, with the error printed, where it cannot be asked. The caller's. */
static char *question(const struct cli *cli)
{
    uint64_t from, to, step = 0;
    const char *given = cli_option(cli, "step");
    char from_text[RFC3339_LEN + 1], to_text[RFC3339_LEN + 1], *out = NULL;
    size_t len;
    if (!time_of(cli, "from", USUAL_SECONDS, &from) || !time_of(cli, "to", 0, &to))
        return NULL;
    if (given && (!units_parse_seconds(given, &step) || !step)) {
        cli_usage(cli, "--step takes a time such as 5m or 1h");
        return NULL;
    }
    if (!given && to > from)
        step = (to - from) / (draws(cli) ? chart_columns() : 24);
    rfc3339_format(from * 1000, from_text);
    rfc3339_format(to * 1000, to_text);
    CLEANUP(mem_free_ptr) char *path = cli_query(cli, "/sandbox/system/stats/history");
    FILE *text = open_memstream(&out, &len);
    fprintf(text, "%s%cfrom=%s&to=%s&step=%" PRIu64, path, strchr(path, '?') ? '&' : '?', from_text, to_text,
            step < 60 && !given ? 60 : step);
    fclose(text);
    return out;
}

/* --- figures: the leaves of points --- */

struct figures {
    char name[FIGURES_MAX][FIGURE_NAME]; /* "reserved.memory_bytes", in the order in which they come */
    size_t count;
};

static bool is_leaf(const json_t *value)
{
    return json_is_number(value) || json_is_null(value) || json_object_get(value, "avg");
}

static void add_figure(struct figures *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++) {
        if (!strcmp(f->name[i], name))
            return;
    }
    if (f->count < FIGURES_MAX)
        snprintf(f->name[f->count++], FIGURE_NAME, "%s", name);
}

static void add_figures(struct figures *f, const json_t *point)
{
    const char *key, *leaf;
    json_t *value, *inner;
    char name[FIGURE_NAME];
    json_object_foreach((json_t *)(uintptr_t)point, key, value)
    {
        if (!strcmp(key, "at") || !strcmp(key, "covered_seconds"))
            continue;
        if (is_leaf(value))
            add_figure(f, key);
        json_object_foreach(is_leaf(value) ? NULL : value, leaf, inner)
        {
            snprintf(name, sizeof name, "%s.%s", key, leaf);
            add_figure(f, name);
        }
    }
}

static void figures_of(const json_t *series, struct figures *f)
{
    size_t i, j;
    const json_t *one, *point;
    json_array_foreach(series, i, one)
    {
        json_array_foreach(json_object_get(one, "points"), j, point) add_figures(f, point);
    }
}

/* A figure of a point: what is given of it, or NAN. what: min, avg or max. */
static double figure(const json_t *point, const char *name, const char *what)
{
    const json_t *value = print_at(point, name);
    if (json_is_object(value))
        value = json_object_get(value, what);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name), tail = strlen(end);
    return len >= tail && !strcmp(name + len - tail, end);
}

static const char *show(const char *name, double value, char out[static 32])
{
    if (isnan(value))
        snprintf(out, 32, "-");
    else if (ends_with(name, "_bytes"))
        units_format_bytes((uint64_t)value, out, 32);
    else if (ends_with(name, "_ms"))
        snprintf(out, 32, "%.0f ms", value);
    else if (ends_with(name, "cpu_millis"))
        snprintf(out, 32, "%.2f", value / 1000);
    else
        snprintf(out, 32, value < 1000 ? "%.4g" : "%.0f", value);
    return out;
}

/* "reserved.memory_bytes" becomes "reserved memory". */
static void label_of(const char *name, char out[static FIGURE_NAME])
{
    static const char *const units[] = {"_bytes", "_millis", "_ms"};
    snprintf(out, FIGURE_NAME, "%s", name);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (ends_with(out, units[i]))
            out[strlen(out) - strlen(units[i])] = 0;
    }
    for (char *c = out; (c = strpbrk(c, "._"));)
        *c = ' ';
    text_show_only(out);
}

/* --- a table --- */

static char *at_of(const json_t *point)
{
    const char *at = json_string_value(json_object_get(point, "at"));
    return text_show_only(mem_strdup(at ? at : "-"));
}

static void add_row(struct table *t, const char *series, const json_t *point, const char *name)
{
    static const char *const what[] = {"avg", "min", "max"};
    char text[32];
    table_add(t, at_of(point), TABLE_PLAIN);
    table_add(t, text_show_only(mem_strdup(series[0] ? series : "-")), TABLE_PLAIN);
    table_add(t, text_show_only(mem_strdup(name)), TABLE_PLAIN);
    for (size_t i = 0; i < ARRAY_LEN(what); i++)
        table_add(t, mem_strdup(show(name, figure(point, name, what[i]), text)), TABLE_PLAIN);
}

static void print_rows(const json_t *series, const struct figures *f)
{
    static const struct table_column columns[] = {{"TIME", 0},  {"NAME", 1}, {"FIGURE", 0},
                                                  {"VALUE", 0}, {"LOW", 2},  {"HIGH", 2}};
    struct table t;
    size_t i, j;
    const json_t *one, *point;
    table_init(&t, columns, ARRAY_LEN(columns));
    json_array_foreach(series, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        json_array_foreach(json_object_get(one, "points"), j, point)
        {
            for (size_t k = 0; k < f->count; k++) {
                if (!isnan(figure(point, f->name[k], "max")))
                    add_row(&t, name ? name : "", point, f->name[k]);
            }
        }
    }
    table_print(&t, true, 0);
    table_fini(&t);
}

/* --- charts --- */

struct chart {
    uint64_t from_ms, step_ms;
    size_t steps;
    double *values; /* POINTS_MAX of them */
};

static bool chart_of(const json_t *answer, struct chart *c)
{
    const char *from = json_string_value(json_object_get(answer, "from")),
               *to = json_string_value(json_object_get(answer, "to"));
    json_int_t step = json_integer_value(json_object_get(answer, "step_seconds"));
    uint64_t to_ms;
    if (!from || !to || step <= 0 || !rfc3339_parse(from, &c->from_ms) || !rfc3339_parse(to, &to_ms))
        return false;
    c->step_ms = (uint64_t)step * 1000;
    c->steps = to_ms > c->from_ms ? (to_ms - c->from_ms + c->step_ms - 1) / c->step_ms : 0;
    return c->steps <= POINTS_MAX;
}

/* Puts each point where its time is; returns the highest value, NAN where there is none. */
static double fill(struct chart *c, const json_t *points, const char *name, const char *what)
{
    size_t i;
    const json_t *point;
    double high = NAN;
    for (i = 0; i < c->steps; i++)
        c->values[i] = NAN;
    json_array_foreach(points, i, point)
    {
        const char *at = json_string_value(json_object_get(point, "at"));
        uint64_t at_ms;
        double value = figure(point, name, what);
        if (!at || !rfc3339_parse(at, &at_ms) || at_ms < c->from_ms ||
            (at_ms - c->from_ms) / c->step_ms >= c->steps)
            continue;
        c->values[(at_ms - c->from_ms) / c->step_ms] = value;
        if (!isnan(value) && !(value <= high))
            high = value;
    }
    return high;
}

/* What is reserved and used is drawn against the capacity, where there is one. */
static double top_of(struct chart *c, const json_t *points, const char *name, double high)
{
    char capacity[FIGURE_NAME + 16];
    const char *leaf = strchr(name, '.');
    if (!leaf || (strncmp(name, "reserved.", 9) != 0 && strncmp(name, "used.", 5) != 0))
        return high;
    snprintf(capacity, sizeof capacity, "capacity%s", leaf);
    double top = fill(c, points, capacity, "max");
    return isnan(top) || top < high ? high : top;
}

static double last_of(const json_t *points, const char *name)
{
    return figure(json_array_get(points, json_array_size(points) - 1), name, "avg");
}

/* False where there is nothing but zeros. */
static bool print_chart(struct chart *c, const json_t *points, const char *name)
{
    char line[CHART_TEXT_MAX], label[FIGURE_NAME], high_text[32], last[32];
    double high = fill(c, points, name, "max"), top = top_of(c, points, name, high);
    if (isnan(high) || high <= 0)
        return false;
    fill(c, points, name, "max");
    chart_line(c->values, c->steps, chart_columns(), top, line);
    label_of(name, label);
    printf("  %-28.28s %s  max %s, last %s\n", label, line, show(name, high, high_text),
           show(name, last_of(points, name), last));
    return true;
}

static void print_charts(const json_t *answer, const struct figures *f)
{
    double values[POINTS_MAX];
    struct chart c = {.values = values};
    size_t i;
    const json_t *one;
    char step[32];
    if (!chart_of(answer, &c))
        return;
    units_format_seconds(c.step_ms / 1000, step, sizeof step);
    printf("%.24s \u2026 %.24s, %s a point\n", json_string_value(json_object_get(answer, "from")),
           json_string_value(json_object_get(answer, "to")), step);
    json_array_foreach(json_object_get(answer, "series"), i, one)
    {
        const json_t *points = json_object_get(one, "points");
        const char *name = json_string_value(json_object_get(one, "name"));
        bool any = false;
        if (name && name[0]) {
            CLEANUP(mem_free_ptr) char *safe = text_show_only(mem_strdup(name));
            printf("%s\n", safe);
        }
        for (size_t k = 0; k < f->count; k++)
            any |= print_chart(&c, points, f->name[k]);
        if (!any)
            puts("  nothing but zeros");
    }
}

/* --- what only the whole period has --- */

static void print_hours(const json_t *hours)
{
    double values[24], top = 0;
    char line[CHART_TEXT_MAX];
    size_t i;
    const json_t *one;
    for (i = 0; i < ARRAY_LEN(values); i++)
        values[i] = NAN;
    json_array_foreach(hours, i, one)
    {
        json_int_t hour = json_integer_value(json_object_get(one, "hour"));
        double users = json_number_value(json_object_get(one, "active_users"));
        if (hour >= 0 && hour < (json_int_t)ARRAY_LEN(values))
            values[hour] = users;
        top = users > top ? users : top;
    }
    chart_line(values, ARRAY_LEN(values), ARRAY_LEN(values), top, line);
    printf("users by the hour of the day   %s  00 to 23 UTC, at most %.1f\n", line, top);
}

static void print_activity(const json_t *activity, bool charts)
{
    static const struct column columns[] = {{"IMAGE", "image", AS_TEXT, 0},
                                            {"CREATES", "creates", AS_TEXT, 0}};
    static const char *const shares[] = {"p50_seconds", "p90_seconds", "p99_seconds"};
    const json_t *lifetimes = json_object_get(activity, "lifetimes");
    printf("active users %" JSON_INTEGER_FORMAT ", at most %" JSON_INTEGER_FORMAT " sandboxes at once\n",
           json_integer_value(json_object_get(activity, "active_users")),
           json_integer_value(json_object_get(activity, "peak")));
    printf("lifetimes of %" JSON_INTEGER_FORMAT ":", json_integer_value(json_object_get(lifetimes, "count")));
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        char text[32] = "-";
        const json_t *value = json_object_get(lifetimes, shares[i]);
        if (json_is_number(value))
            units_format_seconds((uint64_t)json_number_value(value), text, sizeof text);
        printf("%s %.3s %s", i ? "," : "", shares[i], text);
    }
    putchar('\n');
    if (charts)
        print_hours(json_object_get(activity, "hours"));
    putchar('\n');
    print_table(json_object_get(activity, "images"), columns, ARRAY_LEN(columns), true, BUSIEST_IMAGES);
}

static void print_history(const struct cli *cli, const json_t *answer)
{
    struct figures *f = mem_zalloc(sizeof *f);
    const json_t *series = json_object_get(answer, "series"), *activity = json_object_get(answer, "activity");
    figures_of(series, f);
    if (!f->count)
        puts("nothing is known of that time");
    else if (draws(cli))
        print_charts(answer, f);
    else
        print_rows(series, f);
    if (f->count && activity) {
        putchar('\n');
        print_activity(activity, draws(cli));
    }
    free(f);
}

static int history(struct cli *cli, int argc, char **argv)
{
    struct cli_answer answer;
    CLEANUP(mem_free_ptr) char *path = question(cli);
    if (!path)
        return CLI_USAGE;
    int rc = cli_call(cli, "GET", path, NULL, &answer);
    if (!rc && cli_wants_json(cli))
        print_json(answer.json);
    else if (!rc)
        print_history(cli, answer.json);
    cli_answer_fini(&answer);
    return rc;
}

const struct command cmd_system_history = {
    .name = "system history",
    .args = "",
    .help = "Shows what the system was like over time: as small charts on a terminal, else as a table.",
    .options = history_options,
    .run = history,
};
