/* The YAML file of a configuration: one flat mapping. The only user of libyaml. */
#include "common/io/conf.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    bool has_event;
    const struct conf_table *table;
    const char *file;
    void *values;
    bool *seen; /* by row */
};

static size_t line_of(const struct reader *r)
{
    return r->event.start_mark.line + 1;
}

static int next(struct reader *r, struct err *e)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = yaml_parser_parse(&r->parser, &r->event);
    if (!r->has_event)
        return err_set(e, ERR_CONFIG, "%s:%zu: %s", r->file, r->parser.problem_mark.line + 1,
                       r->parser.problem ? r->parser.problem : "not YAML");
    if (r->event.type == YAML_ALIAS_EVENT)
        return err_set(e, ERR_CONFIG, "%s:%zu: aliases are not allowed", r->file, line_of(r));
    return 0;
}

static int unexpected(const struct reader *r, const char *what, struct err *e)
{
    return err_set(e, ERR_CONFIG, "%s:%zu: %s", r->file, line_of(r), what);
}

/* Returns the current scalar as a string of ours. NULL with e set if it holds a NUL. */
static char *scalar(const struct reader *r, struct err *e)
{
    const char *text = (const char *)r->event.data.scalar.value;
    size_t len = r->event.data.scalar.length;
    if (memchr(text, 0, len)) {
        (void)unexpected(r, "a value holds a NUL", e);
        return NULL;
    }
    return mem_dup(text, len);
}

/* A sequence of scalars, joined by commas. */
static int read_list(struct reader *r, char **out, struct err *e)
{
    char *joined = mem_strdup("");
    for (;;) {
        int rc = next(r, e);
        if (!rc && r->event.type == YAML_SEQUENCE_END_EVENT) {
            *out = joined;
            return 0;
        }
        CLEANUP(mem_free_ptr) char *item = NULL;
        if (!rc && r->event.type == YAML_SCALAR_EVENT)
            item = scalar(r, e);
        else if (!rc)
            rc = unexpected(r, "a list holds plain values only", e);
        if (!rc && item && strlen(joined) + strlen(item) + 2 > CONF_FILE_MAX)
            rc = unexpected(r, "the list is too long", e);
        if (rc || !item) {
            free(joined);
            return rc ? rc : ERR_CONFIG;
        }
        size_t len = strlen(joined);
        joined = mem_grow(joined, len + strlen(item) + 2, 1);
        sprintf(joined + len, "%s%s", len ? "," : "", item);
    }
}

static bool is_list(const struct conf_row *row)
{
    return row->type == CONF_LIST || row->type == CONF_REGISTRIES;
}

static int read_value(struct reader *r, const struct conf_row *row, struct err *e)
{
    CLEANUP(mem_free_ptr) char *text = NULL;
    char where[300];
    int rc = next(r, e);
    if (rc)
        return rc;
    snprintf(where, sizeof where, "%.280s:%zu", r->file, line_of(r));
    if (r->event.type == YAML_SCALAR_EVENT)
        text = scalar(r, e);
    else if (r->event.type == YAML_SEQUENCE_START_EVENT && is_list(row))
        rc = read_list(r, &text, e);
    else
        rc = err_set(e, ERR_CONFIG, "%s: %s takes a plain value%s", where, row->key,
                     is_list(row) ? " or a list" : "");
    if (rc || !text)
        return rc ? rc : ERR_CONFIG;
    return conf_set(row, r->values, where, text, e);
}

static int read_pair(struct reader *r, struct err *e)
{
    if (r->event.type != YAML_SCALAR_EVENT)
        return unexpected(r, "a key is a plain word", e);
    const char *key = (const char *)r->event.data.scalar.value;
    const struct conf_row *row = conf_find(r->table, key);
    if (!row)
        return err_set(e, ERR_CONFIG, "%s:%zu: unknown key \"%.60s\"; `config show` lists all keys", r->file,
                       line_of(r), key);
    if (r->seen[row - r->table->row])
        return err_set(e, ERR_CONFIG, "%s:%zu: %s is there twice", r->file, line_of(r), row->key);
    r->seen[row - r->table->row] = true;
    return read_value(r, row, e);
}

static int read_mapping(struct reader *r, struct err *e)
{
    for (;;) {
        int rc = next(r, e);
        if (rc || r->event.type == YAML_MAPPING_END_EVENT)
            return rc;
        rc = read_pair(r, e);
        if (rc)
            return rc;
    }
}

/* stream start, document start, one mapping (or nothing), document end, stream end */
static int read_stream(struct reader *r, struct err *e)
{
    bool had_document = false;
    for (;;) {
        int rc = next(r, e);
        if (rc)
            return rc;
        switch (r->event.type) {
        case YAML_STREAM_END_EVENT:
            return 0;
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
            break;
        case YAML_DOCUMENT_START_EVENT:
            if (had_document)
                return unexpected(r, "one document only", e);
            had_document = true;
            break;
        case YAML_MAPPING_START_EVENT:
            rc = read_mapping(r, e);
            if (rc)
                return rc;
            break;
        default:
            if (r->event.type == YAML_SCALAR_EVENT && !r->event.data.scalar.length)
                break; /* an empty document */
            return unexpected(r, "the file is a mapping of keys to values", e);
        }
    }
}

int conf_yaml_read(const struct conf_table *table, const char *file, const char *bytes, size_t len,
                   void *values, struct err *e)
{
    struct reader r = {.table = table, .file = file, .values = values};
    if (!yaml_parser_initialize(&r.parser))
        abort();
    r.seen = mem_zalloc(table->count * sizeof *r.seen);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)bytes, len);
    int rc = read_stream(&r, e);
    if (r.has_event)
        yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    free(r.seen);
    return rc;
}
