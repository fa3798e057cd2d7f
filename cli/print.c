#include "cli/print.h"

#include "cli/table.h"
#include "cli/text.h"

#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "common/base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHORT_MAX 64 /* of a time, a size or a percentage */

const json_t *print_at(const json_t *object, const char *path)
{
    char name[64];
    while (object && *path) {
        size_t n = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)n, path);
        object = json_object_get(object, name);
        path += n + (path[n] == '.');
    }
    return object;
}

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static char *plain(const json_t *value)
{
    char number[SHORT_MAX];
    if (!value || json_is_null(value) || (json_is_string(value) && !json_string_length(value)))
        return mem_strdup("-");
    if (json_is_string(value))
        return text_show_only(mem_strdup(json_string_value(value)));
    if (!json_is_real(value))
        return text_show_only(json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT));
    snprintf(number, sizeof number, "%.1f", json_real_value(value));
    return mem_strdup(number);
}

static char *relative(const json_t *value, bool ahead)
{
    char out[SHORT_MAX];
    uint64_t then, now = now_ms();
    const char *text = json_string_value(value);
    if (!text || !rfc3339_parse(text, &then))
        return plain(value);
    uint64_t from = ahead ? now : then, to = ahead ? then : now;
    units_format_seconds(to > from ? (to - from) / 1000 : 0, out, sizeof out);
    return mem_strdup(out);
}

/* The field, or NULL for the time left of a sandbox that has ended. */
static const json_t *left_of(const json_t *item, const struct column *column)
{
    const json_t *ended = json_object_get(item, "ended_at");
    return column->format == AS_LEFT && ended && !json_is_null(ended) ? NULL : print_at(item, column->path);
}

static char *words(const json_t *list)
{
    char *out = NULL;
    size_t len, i;
    const json_t *word;
    FILE *text = open_memstream(&out, &len);
    json_array_foreach(list, i, word)
        fprintf(text, "%s%s", i ? " " : "", json_is_string(word) ? json_string_value(word) : "?");
    fclose(text);
    return text_show_only(out);
}

static char *size_of(const json_t *terminal)
{
    char out[SHORT_MAX];
    snprintf(out, sizeof out, "%" JSON_INTEGER_FORMAT "x%" JSON_INTEGER_FORMAT,
             json_integer_value(json_object_get(terminal, "columns")),
             json_integer_value(json_object_get(terminal, "rows")));
    return mem_strdup(out);
}

/* The value as people read it; the caller's. */
static char *shown(const json_t *value, enum column_format format)
{
    char out[SHORT_MAX];
    if (format == AS_AGO || format == AS_LEFT)
        return relative(value, format == AS_LEFT);
    if (format == AS_WORDS && json_is_array(value))
        return words(value);
    if (format == AS_SIZE && json_is_object(value))
        return size_of(value);
    if (!json_is_number(value) || format == AS_TEXT || format == AS_STATE)
        return plain(value);
    if (format == AS_BYTES)
        units_format_bytes((uint64_t)json_number_value(value), out, sizeof out);
    else if (format == AS_SECONDS)
        units_format_seconds((uint64_t)json_number_value(value), out, sizeof out);
    else
        snprintf(out, sizeof out, "%.1f %%", json_number_value(value));
    return mem_strdup(out);
}

/* From these on a percentage is a warning, and critical: those of memory (docs/events.md). */
#define HIGH      90
#define VERY_HIGH 95

static enum table_colour colour_of(const json_t *value, enum column_format format)
{
    static const struct {
        const char *state;
        enum table_colour colour;
    } states[] = {{"running", TABLE_GREEN},    {"healthy", TABLE_GREEN},   {"ready", TABLE_GREEN},
                  {"pending", TABLE_YELLOW},   {"starting", TABLE_YELLOW}, {"paused", TABLE_YELLOW},
                  {"stopping", TABLE_YELLOW},  {"degraded", TABLE_YELLOW}, {"cordoned", TABLE_YELLOW},
                  {"draining", TABLE_YELLOW},  {"stopped", TABLE_DIM},     {"failed", TABLE_RED},
                  {"lost", TABLE_RED},         {"unhealthy", TABLE_RED},   {"unreachable", TABLE_RED},
                  {"unresponsive", TABLE_RED}, {"firing", TABLE_RED},      {"critical", TABLE_RED},
                  {"warning", TABLE_YELLOW},   {"resolved", TABLE_DIM}};
    double percent = json_number_value(value);
    if (format == AS_PERCENT)
        return percent >= VERY_HIGH ? TABLE_RED : percent >= HIGH ? TABLE_YELLOW : TABLE_PLAIN;
    for (size_t i = 0; i < ARRAY_LEN(states) && format == AS_STATE && json_is_string(value); i++) {
        if (!strcmp(json_string_value(value), states[i].state))
            return states[i].colour;
    }
    return TABLE_PLAIN;
}

/* JSON can escape any character by number, so such sequences are escaped; line ends stay. */
void print_json_text(FILE *out, const char *text)
{
    for (const char *c = text; *c;) {
        const unsigned char *u = (const unsigned char *)c;
        size_t n = *c == '\n' ? 0 : text_obeyed(c);
        if (!n)
            fputc(*c, out);
        else
            fprintf(out, "\\u%04x",
                    n == 1   ? u[0]
                    : n == 2 ? (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu)
                             : (u[0] & 0xfu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu));
        c += n ? n : 1;
    }
}

static void write_json(FILE *out, const json_t *json, size_t flags)
{
    char *text = json_dumps(json, flags | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)); /* as it came */
    print_json_text(out, text ? text : "");
    fputc('\n', out);
    free(text);
}

void print_json(const json_t *json)
{
    write_json(stdout, json, JSON_INDENT(2));
}

void print_json_line(const json_t *json)
{
    write_json(stdout, json, JSON_COMPACT);
}

void print_json_to(FILE *out, const json_t *json)
{
    write_json(out, json, JSON_INDENT(2));
}

void print_table(const json_t *items, const struct column *columns, size_t count, bool with_heads,
                 size_t limit)
{
    struct table_column heads[TABLE_COLUMNS_MAX];
    struct table table;
    size_t i;
    json_t *item;
    for (size_t c = 0; c < count; c++)
        heads[c] = (struct table_column){columns[c].head, columns[c].rank};
    table_init(&table, heads, count);
    json_array_foreach(items, i, item)
    {
        for (size_t c = 0; c < count; c++) {
            const json_t *value = left_of(item, &columns[c]);
            table_add(&table, shown(value, columns[c].format), colour_of(value, columns[c].format));
        }
    }
    table_print(&table, with_heads, limit);
    table_fini(&table);
}

/* The format of a field follows from the unit in its name. */
static enum column_format format_of(const char *name)
{
    static const struct {
        const char *end;
        enum column_format format;
    } ends[] = {{"_bytes", AS_BYTES}, {"percent", AS_PERCENT}, {"_seconds", AS_SECONDS}};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        size_t n = strlen(name), m = strlen(ends[i].end);
        if (n >= m && !strcmp(name + n - m, ends[i].end))
            return ends[i].format;
    }
    return AS_TEXT;
}

static void print_fields(const json_t *object, const char *prefix, enum column_format format)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        char path[200];
        snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] ? "." : "", name);
        enum column_format own = format_of(name);
        if (own == AS_TEXT)
            own = format;
        if (json_is_object(value) && json_object_size(value)) {
            print_fields(value, path, own);
            continue;
        }
        CLEANUP(mem_free_ptr) char *text = shown(value, own);
        CLEANUP(mem_free_ptr) char *safe = text_show_only(mem_strdup(path));
        bool empty = json_is_object(value) || (json_is_array(value) && !json_array_size(value));
        printf("%-34s %s\n", safe, empty ? "-" : text);
    }
}

void print_object(const struct cli *cli, const json_t *object)
{
    const char *id = json_string_value(json_object_get(object, "id"));
    if (cli_wants_json(cli))
        print_json(object);
    else if (cli_is_quiet(cli) && id)
        puts(id);
    else
        print_fields(object, "", AS_TEXT);
}
