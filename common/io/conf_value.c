/* One row of the configuration: finding it, its value from text and to text, and the texts about all rows. */
#include "common/io/conf.h"

#include "common/model/image_ref.h"
#include "common/base/mem.h"
#include "common/base/units.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const struct conf_row *conf_find(const struct conf_table *table, const char *key)
{
    for (size_t i = 0; i < table->count; i++) {
        if (!strcmp(table->row[i].key, key))
            return &table->row[i];
    }
    return NULL;
}

bool conf_is_text(const struct conf_row *row)
{
    return row->type != CONF_BOOL && row->type != CONF_UINT && row->type != CONF_BYTES;
}

static bool is_name(const char *text)
{
    return isalnum((unsigned char)text[0]) &&
           !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")];
}

static bool is_ip(const char *text)
{
    struct in6_addr address;
    return !strcmp(text, "localhost") || inet_pton(AF_INET, text, &address) == 1 ||
           inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_image(const char *text)
{
    struct image_ref ref;
    return image_ref_parse(text, &ref);
}

static bool is_list(const char *text)
{
    return text[0] != ',' && text[strlen(text) - 1] != ',' && !strstr(text, ",,");
}

static bool is_registries(const char *text)
{
    char one[CONF_STRING_MAX + 1];
    for (const char *at = text; *at; at += strcspn(at, ","), at += *at == ',') {
        snprintf(one, sizeof one, "%.*s", (int)strcspn(at, ","), at);
        if (!image_registry_valid(one))
            return false;
    }
    return is_list(text);
}

/* How the text of each type is checked, and what the error says. */
static const struct {
    bool (*valid)(const char *text);
    const char *allowed;
} texts[] = {
    [CONF_STRING] = {NULL, "text"},
    [CONF_LIST] = {is_list, "words, commas between"},
    [CONF_NAME] = {is_name, "letters, digits, '.', '_' and '-'"},
    [CONF_IP] = {is_ip, "an IP address; localhost"},
    [CONF_IMAGE] = {is_image, "the name of an image"},
    [CONF_REGISTRIES] = {is_registries, "host or host:port, commas between; none"},
    [CONF_CHOICE] = {NULL, NULL},
};

static int set_text(const struct conf_row *row, void *values, const char *where, const char *text,
                    struct err *e)
{
    size_t max = row->max ? row->max : CONF_STRING_MAX;
    if (strlen(text) > max)
        return err_set(e, ERR_CONFIG, "%s: %s is longer than the %zu characters that are allowed", where,
                       row->key, max);
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ')
            return err_set(e, ERR_CONFIG, "%s: %s holds a control character; allowed: text", where, row->key);
    }
    if (texts[row->type].valid && !texts[row->type].valid(text))
        return err_set(e, ERR_CONFIG, "%s: %s is \"%.60s\"; allowed: %s", where, row->key, text,
                       texts[row->type].allowed);
    char **slot = (char **)(void *)((char *)values + row->offset);
    free(*slot);
    *slot = mem_strdup(row->type == CONF_IP && !strcmp(text, "localhost") ? "127.0.0.1" : text);
    return 0;
}

static int set_choice(const struct conf_row *row, void *values, const char *where, const char *text,
                      struct err *e)
{
    size_t n = strlen(text);
    for (const char *c = row->choices; *c; c += strcspn(c, " "), c += strspn(c, " ")) {
        if (n && strcspn(c, " ") == n && !strncmp(c, text, n))
            return set_text(row, values, where, text, e);
    }
    return err_set(e, ERR_CONFIG, "%s: %s is \"%.60s\"; allowed: %s", where, row->key, text, row->choices);
}

static int set_bool(const struct conf_row *row, void *values, const char *where, const char *text,
                    struct err *e)
{
    bool *slot = (bool *)((char *)values + row->offset);
    *slot = !strcmp(text, "true");
    if (*slot || !strcmp(text, "false"))
        return 0;
    return err_set(e, ERR_CONFIG, "%s: %s is \"%.60s\"; allowed: true, false", where, row->key, text);
}

static int set_number(const struct conf_row *row, void *values, const char *where, const char *text,
                      struct err *e)
{
    uint64_t n = 0, max = row->max ? row->max : UINT64_MAX / 2;
    bool plain = row->type == CONF_BYTES || !text[strspn(text, "0123456789")];
    if (!plain || !units_parse_bytes(text, &n) || n < row->min || n > max)
        return err_set(e, ERR_CONFIG,
                       "%s: %s is \"%.60s\"; allowed: a number from %" PRIu64 " to %" PRIu64 "%s", where,
                       row->key, text, row->min, max, row->type == CONF_BYTES ? ", or with K, M, G" : "");
    *(uint64_t *)(void *)((char *)values + row->offset) = n;
    return 0;
}

int conf_set(const struct conf_row *row, void *values, const char *where, const char *text, struct err *e)
{
    static int (*const set[])(const struct conf_row *, void *, const char *, const char *, struct err *) = {
        [CONF_STRING] = set_text,  [CONF_LIST] = set_text,   [CONF_NAME] = set_text,
        [CONF_IP] = set_text,      [CONF_IMAGE] = set_text,  [CONF_REGISTRIES] = set_text,
        [CONF_BOOL] = set_bool,    [CONF_UINT] = set_number, [CONF_BYTES] = set_number,
        [CONF_CHOICE] = set_choice};
    if (!text[0])
        return 0;
    return set[row->type](row, values, where, text, e);
}

void conf_value_text(const struct conf_row *row, const void *values, char *out, size_t size)
{
    const char *at = (const char *)values + row->offset;
    switch (row->type) {
    case CONF_BOOL:
        snprintf(out, size, "%s", *(const bool *)at ? "true" : "false");
        return;
    case CONF_UINT:
    case CONF_BYTES:
        snprintf(out, size, "%" PRIu64, *(const uint64_t *)(const void *)at);
        return;
    default: {
        const char *text = *(char *const *)(const void *)at;
        snprintf(out, size, "%s", !text ? "" : row->secret ? "(hidden)" : text);
    }
    }
}

/* Prints a YAML double-quoted scalar; values hold no control characters. */
static void put_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

void conf_show(const struct conf_table *table, const void *values, FILE *out)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct conf_row *row = &table->row[i];
        char text[CONF_STRING_MAX + 1];
        conf_value_text(row, values, text, sizeof text);
        fprintf(out, "%s: ", row->key);
        if (conf_is_text(row))
            put_quoted(out, text);
        else
            fputs(text, out);
        fputc('\n', out);
    }
}

static void put_range(FILE *out, const struct conf_row *row)
{
    if (row->type == CONF_CHOICE)
        fprintf(out, "one of: %s", row->choices);
    else if (row->type == CONF_BOOL)
        fputs("true, false", out);
    else if ((row->type == CONF_UINT || row->type == CONF_BYTES) && row->max)
        fprintf(out, "%" PRIu64 " to %" PRIu64, row->min, row->max);
    else if (row->type == CONF_UINT || row->type == CONF_BYTES)
        fprintf(out, "%" PRIu64 " or more", row->min);
    else
        fputs(texts[row->type].allowed, out);
}

void conf_env_example(const struct conf_table *table, FILE *out)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct conf_row *row = &table->row[i];
        fprintf(out, "# %s (", row->help);
        put_range(out, row);
        fprintf(out, ")\n%s%s=%s\n", row->preset ? "" : "#", row->env, row->preset ? row->preset : "");
    }
}

void conf_markdown(const struct conf_table *table, FILE *out)
{
    fputs("| key | environment | default | allowed | reload | meaning |\n| --- | --- | --- | --- | --- | --- "
          "|\n",
          out);
    for (size_t i = 0; i < table->count; i++) {
        const struct conf_row *row = &table->row[i];
        fprintf(out, "| `%s` | `%s` | %s%s%s | ", row->key, row->env, row->preset ? "`" : "",
                row->preset ? row->preset : "none", row->preset ? "`" : "");
        put_range(out, row);
        fprintf(out, " | %s | %s |\n", row->reloadable ? "yes" : "no", row->help);
    }
}
