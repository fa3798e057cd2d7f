#include "cli/filter.h"

#include "cli/print.h"

#include "common/base/mem.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD_MAX 128

struct filter {
    char field[FIELD_MAX];
    const char *value;
};

static struct filter parse(const char *text)
{
    struct filter f;
    size_t len = strcspn(text, "=");
    snprintf(f.field, sizeof f.field, "%.*s", (int)len, text);
    f.value = text + len + 1;
    return f;
}

static bool is_label(const struct filter *f)
{
    return !strcmp(f->field, "label");
}

/* A value as text; the caller's. */
static char *text_of(const json_t *value)
{
    return json_is_string(value) ? mem_strdup(json_string_value(value))
                                 : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
}

/* Labels may have points in their names, so they are not looked up by path. */
static bool label_matches(const json_t *item, const char *asked)
{
    size_t len = strcspn(asked, "=:");
    CLEANUP(mem_free_ptr) char *name = mem_dup(asked, len);
    const char *value = json_string_value(json_object_get(json_object_get(item, "labels"), name));
    return value && (!asked[len] || !fnmatch(asked + len + 1, value, 0));
}

static bool matches(const json_t *item, const struct filter *f)
{
    if (is_label(f))
        return label_matches(item, f->value);
    const json_t *value = print_at(item, f->field);
    CLEANUP(mem_free_ptr) char *text = value ? text_of(value) : NULL;
    return text && !fnmatch(f->value, text, 0);
}

/* The state of one judgement of an item by all filters. */
struct judgement {
    const struct cli *cli;
    const json_t *item;
    struct filter now; /* whose field is judged */
    bool any;          /* of the filters with this field lets the item through */
};

static int try_one(void *arg, const char *text)
{
    struct judgement *j = arg;
    struct filter f = parse(text);
    if (!strcmp(f.field, j->now.field) && matches(j->item, &f))
        j->any = true;
    return 0;
}

/* All labels have to match; of another field one of the values. */
static int try_field(void *arg, const char *text)
{
    struct judgement *j = arg;
    j->now = parse(text);
    j->any = is_label(&j->now) && matches(j->item, &j->now);
    if (!is_label(&j->now) && cli_each_option(j->cli, "filter", try_one, j))
        return 1;
    return !j->any;
}

static int field_exists(void *arg, const char *text)
{
    size_t i;
    json_t *item, *items = arg;
    struct filter f = parse(text);
    json_array_foreach(items, i, item)
    {
        if (is_label(&f) ? json_object_get(item, "labels") : print_at(item, f.field))
            return 0;
    }
    if (!json_array_size(items) || strchr(f.field, '.')) /* such as a part of data, which few have */
        return 0;
    fprintf(stderr, "corral: --filter: none of these has a field \"%s\"\n", f.field);
    return CLI_USAGE;
}

int filter_apply(const struct cli *cli, json_t *items)
{
    int rc = cli_each_option(cli, "filter", field_exists, items);
    for (size_t i = json_array_size(items); !rc && i-- > 0;) {
        struct judgement j = {.cli = cli, .item = json_array_get(items, i)};
        if (cli_each_option(cli, "filter", try_field, &j))
            (void)json_array_remove(items, i);
    }
    return rc;
}

static int has(void *arg, const char *text)
{
    const struct filter *asked = arg;
    struct filter f = parse(text);
    return !strcmp(f.field, asked->field) && !strncmp(f.value, asked->value, strlen(asked->value));
}

bool filter_has(const struct cli *cli, const char *field, const char *value)
{
    struct filter asked = {.value = value};
    snprintf(asked.field, sizeof asked.field, "%s", field);
    return cli_each_option(cli, "filter", has, &asked);
}
