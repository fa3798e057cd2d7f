#include "common/io/conf.h"

#include "common/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void conf_fini(const struct conf_table *table, void *values)
{
    for (size_t i = 0; i < table->count; i++) {
        if (conf_is_text(&table->row[i]))
            mem_free_ptr((char *)values + table->row[i].offset);
    }
}

/* --- sources --- */

static int read_file(const char *path, bool optional, char **bytes, size_t *len, struct err *e)
{
    *bytes = NULL;
    FILE *f = fopen(path, "re");
    if (!f && optional && errno == ENOENT)
        return 0;
    if (!f)
        return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
    *bytes = mem_zalloc(CONF_FILE_MAX + 1);
    *len = fread(*bytes, 1, CONF_FILE_MAX, f);
    bool more = *len == CONF_FILE_MAX && fgetc(f) != EOF;
    bool bad = ferror(f);
    fclose(f);
    if (!more && !bad)
        return 0;
    mem_free_ptr(bytes);
    return err_set(e, ERR_CONFIG, "%s: %s", path, bad ? "cannot be read" : "is larger than 256 KiB");
}

static int from_file(const struct conf_table *table, const struct conf_sources *sources, void *values,
                     struct err *e)
{
    CLEANUP(mem_free_ptr) char *bytes = NULL;
    size_t len = 0;
    if (!sources->file)
        return 0;
    int rc = read_file(sources->file, sources->file_optional, &bytes, &len, e);
    return rc || !bytes ? rc : conf_yaml_read(table, sources->file, bytes, len, values, e);
}

static const char *env_find(char **environment, const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);
    for (char **at = environment; at && *at; at++) {
        if (!strncmp(*at, name, n) && !strncmp(*at + n, suffix, m) && (*at)[n + m] == '=')
            return *at + n + m + 1;
    }
    return NULL;
}

static int from_env_file(const struct conf_row *row, const char *path, void *values, struct err *e)
{
    CLEANUP(mem_free_ptr) char *bytes = NULL;
    size_t len = 0;
    int rc = read_file(path, false, &bytes, &len, e);
    if (rc)
        return rc;
    while (len && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
        bytes[--len] = 0;
    if (!len || memchr(bytes, 0, len))
        return err_set(e, ERR_CONFIG, "%s: it holds no value for %s", path, row->env);
    return conf_set(row, values, path, bytes, e);
}

static int from_env(const struct conf_table *table, char **environment, void *values, struct err *e)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct conf_row *row = &table->row[i];
        const char *text = env_find(environment, row->env, "");
        const char *path = env_find(environment, row->env, "_FILE");
        if (text && path)
            return err_set(e, ERR_CONFIG, "environment: %s and %s_FILE are both set; keep one", row->env,
                           row->env);
        char where[128];
        snprintf(where, sizeof where, "environment: %s", row->env);
        int rc = text   ? conf_set(row, values, where, text, e)
                 : path ? from_env_file(row, path, values, e)
                        : 0;
        if (rc)
            return rc;
    }
    return 0;
}

/* Splits "--listen-port=3000" into key and value; without '=', the next argument is the value. */
static int flag_split(int argc, char **argv, int *i, char key[64], const char **value, struct err *e)
{
    const char *word = argv[*i];
    if (strncmp(word, "--", 2) || !word[2])
        return err_set(e, ERR_CONFIG, "command line: \"%s\" is no option; --help lists them", word);
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word - 2) : strlen(word + 2);
    snprintf(key, 64, "%.*s", (int)(len < 63 ? len : 63), word + 2);
    for (char *c = key; *c; c++) {
        if (*c == '-')
            *c = '_';
    }
    *value = equals ? equals + 1 : *i + 1 < argc ? argv[++*i] : NULL;
    if (!*value)
        return err_set(e, ERR_CONFIG, "command line: %s needs a value", word);
    return 0;
}

static int from_flags(const struct conf_table *table, const struct conf_sources *sources, void *values,
                      struct err *e)
{
    for (int i = 0; i < sources->argc; i++) {
        char key[64], where[128];
        const char *value;
        snprintf(where, sizeof where, "command line: %.100s", sources->argv[i]);
        int rc = flag_split(sources->argc, sources->argv, &i, key, &value, e);
        if (rc)
            return rc;
        const struct conf_row *row = conf_find(table, key);
        if (!row)
            return err_set(e, ERR_CONFIG, "%s is no option; --help lists them", where);
        rc = conf_set(row, values, where, value, e);
        if (rc)
            return rc;
    }
    return 0;
}

int conf_load(const struct conf_table *table, const struct conf_sources *sources, void *values, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < table->count && !rc; i++) {
        if (table->row[i].preset)
            rc = conf_set(&table->row[i], values, "default", table->row[i].preset, e);
    }
    if (!rc)
        rc = from_file(table, sources, values, e);
    if (!rc)
        rc = from_env(table, sources->environ, values, e);
    if (!rc)
        rc = from_flags(table, sources, values, e);
    if (rc)
        conf_fini(table, values);
    return rc;
}

static bool same(const struct conf_row *row, const void *a, const void *b)
{
    const char *x = (const char *)a + row->offset, *y = (const char *)b + row->offset;
    if (!conf_is_text(row))
        return !memcmp(x, y, row->type == CONF_BOOL ? sizeof(bool) : sizeof(uint64_t));
    const char *s = *(char *const *)x, *t = *(char *const *)y;
    return s && t ? !strcmp(s, t) : s == t;
}

static void exchange(const struct conf_row *row, void *a, void *b)
{
    char hold[sizeof(uint64_t)];
    size_t size = conf_is_text(row)        ? sizeof(char *)
                  : row->type == CONF_BOOL ? sizeof(bool)
                                           : sizeof(uint64_t);
    memcpy(hold, (char *)a + row->offset, size);
    memcpy((char *)a + row->offset, (char *)b + row->offset, size);
    memcpy((char *)b + row->offset, hold, size);
}

int conf_reload(const struct conf_table *table, const struct conf_sources *sources, void *values,
                void (*changed)(void *arg, const char *key, bool taken), void *arg, struct err *e)
{
    void *fresh = mem_zalloc(table->size);
    int rc = conf_load(table, sources, fresh, e);
    if (rc) {
        free(fresh);
        return rc;
    }
    for (size_t i = 0; i < table->count; i++) {
        const struct conf_row *row = &table->row[i];
        if (same(row, values, fresh))
            continue;
        if (row->reloadable)
            exchange(row, values, fresh);
        if (changed)
            changed(arg, row->key, row->reloadable);
    }
    conf_fini(table, fresh);
    free(fresh);
    return 0;
}
