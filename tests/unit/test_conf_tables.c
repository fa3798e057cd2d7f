#include "tests/lib/unit.h"

#include "agent/agent_conf.h"
#include "controller/ctl_conf.h"

#include <stdio.h>

/* Every key of both daemons: empty, wrong and huge, in the environment, in YAML and as a flag. */
enum source { ENVIRONMENT, YAML, FLAG, SOURCE_COUNT };

static const struct conf_table *const tables[] = {&ctl_conf_table, &agent_conf_table};

#define HUGE_LEN 100000
#define TEXT_MAX (HUGE_LEN + 200)

/* Loads one value of one key from one source; *where: what a refusal must name. */
static int load(const struct conf_table *table, const struct conf_row *row, enum source source,
                const char *value, void *values, char where[128], struct err *e)
{
    static char text[TEXT_MAX];
    char file[] = "/tmp/corral-conf-XXXXXX", *environment[] = {text, NULL}, *flags[] = {text};
    struct conf_sources sources = {0};
    int fd = -1;
    if (source == ENVIRONMENT) {
        snprintf(text, sizeof text, "%s=%s", row->env, value);
        snprintf(where, 128, "environment: %s", row->env);
        sources.environ = environment;
    } else if (source == FLAG) {
        snprintf(text, sizeof text, "--%s=%s", row->key, value);
        snprintf(where, 128, "command line: --%s", row->key);
        sources.argc = 1;
        sources.argv = flags;
    } else {
        fd = mkstemp(file);
        FILE *f = fdopen(fd, "w");
        fprintf(f, "# a line before\n%s: %s%s%s\n", row->key, value[0] ? "\"" : "", value,
                value[0] ? "\"" : "");
        fclose(f);
        snprintf(where, 128, "%s:2", file);
        sources.file = file;
    }
    int rc = conf_load(table, &sources, values, e);
    if (fd >= 0)
        remove(file);
    return rc;
}

static void refused(const struct conf_table *table, const struct conf_row *row, const char *value)
{
    for (int source = 0; source < SOURCE_COUNT; source++) {
        void *values = calloc(1, table->size);
        char where[128];
        struct err e = {0};
        int rc = load(table, row, source, value, values, where, &e);
        if (rc != ERR_CONFIG || !strstr(e.text, where) || !strstr(e.text, row->key) ||
            !strstr(e.text, "allowed"))
            fail_msg("%s, source %d, value %.40s: code %d, \"%s\"", row->key, source, value, rc, e.text);
        free(values);
    }
}

static const char *wrong_for(const struct conf_row *row)
{
    return row->type == CONF_STRING ? NULL : row->type == CONF_LIST ? "a,,b" : "!";
}

static void test_what_is_wrong_or_huge_is_refused_with_words(void **state)
{
    static char huge[HUGE_LEN + 1];
    memset(huge, '9', HUGE_LEN);
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct conf_row *row = &tables[t]->row[i];
            refused(tables[t], row, huge);
            if (wrong_for(row))
                refused(tables[t], row, wrong_for(row));
        }
    }
}

static void test_what_is_empty_is_not_given(void **state)
{
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        void *defaults = calloc(1, tables[t]->size);
        struct err e;
        assert_int_equal(conf_load(tables[t], &(struct conf_sources){0}, defaults, &e), 0);
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct conf_row *row = &tables[t]->row[i];
            for (int source = 0; source < SOURCE_COUNT; source++) {
                void *values = calloc(1, tables[t]->size);
                char where[128], is[CONF_STRING_MAX + 1], was[CONF_STRING_MAX + 1];
                assert_int_equal(load(tables[t], row, source, "", values, where, &e), 0);
                conf_value_text(row, values, is, sizeof is);
                conf_value_text(row, defaults, was, sizeof was);
                assert_string_equal(is, was);
                if (row->preset && conf_is_text(row))
                    assert_non_null(*(char **)(void *)((char *)values + row->offset));
                conf_fini(tables[t], values);
                free(values);
            }
        }
        conf_fini(tables[t], defaults);
        free(defaults);
    }
}

static void test_an_empty_value_leaves_what_an_earlier_source_said(void **state)
{
    char *environment[] = {(char[]){"CORRAL_CLUSTER=mine"}, NULL}, *flags[] = {(char[]){"--cluster="}};
    struct conf_sources sources = {.environ = environment, .argc = 1, .argv = flags};
    struct ctl_conf conf = {0};
    struct err e;
    assert_int_equal(conf_load(&ctl_conf_table, &sources, &conf, &e), 0);
    assert_string_equal(conf.cluster, "mine");
    conf_fini(&ctl_conf_table, &conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_wrong_or_huge_is_refused_with_words),
        cmocka_unit_test(test_what_is_empty_is_not_given),
        cmocka_unit_test(test_an_empty_value_leaves_what_an_earlier_source_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
