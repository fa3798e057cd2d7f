/* Prints tables, objects and JSON. */
#include "cli/cli.h"

#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "common/base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CELL_MAX    200
#define COLUMNS_MAX 16

static const json_t *at(const json_t *object, const char *path)
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

/*
 * The length of a sequence that a terminal would act on instead of showing it: control characters, those of
 * C1 in UTF-8 too, and characters that change the direction of text. 0: none.
 */
static size_t obeyed(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    if (c[0] < ' ' || c[0] == 0x7f)
        return 1;
    if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
        return 2;
    bool turns = c[0] == 0xe2 && ((c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae) ||
                                  (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9));
    return turns ? 3 : 0;
}

char *cli_show_only(char *text)
{
    for (char *c = text; *c; c++) {
        size_t n = obeyed(c);
        if (!n)
            continue;
        *c = '?';
        memmove(c + 1, c + n, strlen(c + n) + 1);
    }
    return text;
}

#define CUT "\u2026"

/*
 * Copies text and replaces such sequences with '?'. Text that does not fit is cut after a whole character and
 * ends with CUT.
 */
static void put_text(const char *text, char *out, size_t size)
{
    size_t len = 0, end = 0; /* end: where CUT fits */
    while (*text && len + 1 < size) {
        size_t n = obeyed(text);
        if ((*text & 0xc0) != 0x80 && len + sizeof CUT <= size)
            end = len;
        out[len++] = n ? '?' : *text;
        text += n ? n : 1;
    }
    if (*text)
        len = end + (size_t)snprintf(out + end, size - end, CUT);
    out[len] = 0;
}

static void put_plain(const json_t *value, char *out, size_t size)
{
    if (json_is_string(value)) {
        put_text(json_string_value(value), out, size);
    } else if (!value || json_is_null(value)) {
        snprintf(out, size, "-");
    } else if (json_is_real(value)) {
        snprintf(out, size, "%.1f", json_real_value(value));
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        put_text(text, out, size);
        free(text);
    }
}

static void put_time(const json_t *value, bool ahead, char *out, size_t size)
{
    uint64_t then, now = now_ms();
    const char *text = json_string_value(value);
    if (!text || !rfc3339_parse(text, &then)) {
        put_plain(value, out, size);
        return;
    }
    uint64_t from = ahead ? now : then, to = ahead ? then : now;
    units_format_seconds(to > from ? (to - from) / 1000 : 0, out, size);
}

/* The field, or NULL for the time left of a sandbox that has ended. */
static const json_t *left_of(const json_t *item, const struct column *column)
{
    const json_t *ended = json_object_get(item, "ended_at");
    return column->format == AS_LEFT && ended && !json_is_null(ended) ? NULL : at(item, column->path);
}

static void put_cell(const json_t *value, enum column_format format, char *out, size_t size)
{
    bool number = json_is_number(value);
    if (format == AS_AGO || format == AS_LEFT)
        put_time(value, format == AS_LEFT, out, size);
    else if (format == AS_BYTES && number)
        units_format_bytes((uint64_t)json_number_value(value), out, size);
    else if (format == AS_SECONDS && number)
        units_format_seconds((uint64_t)json_number_value(value), out, size);
    else if (format == AS_PERCENT && number)
        snprintf(out, size, "%.1f %%", json_number_value(value));
    else
        put_plain(value, out, size);
}

/* JSON can escape any character by number, so such sequences are escaped; line ends stay. */
void cli_write_json(FILE *out, const json_t *json)
{
    char *text = json_dumps(json, JSON_INDENT(2) | JSON_ENCODE_ANY);
    for (const char *c = text ? text : ""; *c;) {
        const unsigned char *u = (const unsigned char *)c;
        size_t n = *c == '\n' ? 0 : obeyed(c);
        if (!n)
            fputc(*c, out);
        else
            fprintf(out, "\\u%04x",
                    n == 1   ? u[0]
                    : n == 2 ? (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu)
                             : (u[0] & 0xfu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu));
        c += n ? n : 1;
    }
    fputc('\n', out);
    free(text);
}

void cli_print_json(const json_t *json)
{
    cli_write_json(stdout, json);
}

/* Width on the screen: counts the bytes that do not continue a UTF-8 character. */
static int width(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += (*text & 0xc0) != 0x80;
    return n;
}

static void print_cell(const char *text, int wide, bool last)
{
    fputs(text, stdout);
    if (!last)
        printf("%*s", wide - width(text) + 3, "");
}

void cli_print_table(const struct cli *cli, const json_t *items, const struct column *columns, size_t count)
{
    int widest[COLUMNS_MAX] = {0};
    size_t rows = json_array_size(items);
    char(*cells)[CELL_MAX] = mem_zalloc((rows + 1) * count * CELL_MAX);
    for (size_t r = 0; r <= rows; r++) {
        for (size_t c = 0; c < count && c < COLUMNS_MAX; c++) {
            char *cell = cells[r * count + c];
            if (r)
                put_cell(left_of(json_array_get(items, r - 1), &columns[c]), columns[c].format, cell,
                         CELL_MAX);
            else
                snprintf(cell, CELL_MAX, "%s", columns[c].head);
            if (width(cell) > widest[c])
                widest[c] = width(cell);
        }
    }
    for (size_t r = 0; r <= rows; r++) {
        for (size_t c = 0; c < count && c < COLUMNS_MAX; c++)
            print_cell(cells[r * count + c], widest[c], c + 1 == count);
        putchar('\n');
    }
    free(cells);
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
        size_t size = CELL_MAX + json_dumpb(value, NULL, 0, JSON_ENCODE_ANY | JSON_COMPACT); /* all of it */
        char *cell = mem_zalloc(size);
        put_cell(value, own, cell, size);
        printf("%-34s %s\n", path,
               json_is_object(value) || (json_is_array(value) && !json_array_size(value)) ? "-" : cell);
        free(cell);
    }
}

void cli_print_object(const struct cli *cli, const json_t *object)
{
    const char *id = json_string_value(json_object_get(object, "id"));
    if (cli_wants_json(cli))
        cli_print_json(object);
    else if (cli_is_quiet(cli) && id)
        puts(id);
    else
        print_fields(object, "", AS_TEXT);
}
