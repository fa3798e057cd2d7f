#include "tests/lib/unit.h"

#include "common/io/conf.h"

#include <stdio.h>
#include <unistd.h>

struct values {
    char *name, *level, *labels, *secret;
    bool on;
    uint64_t port, size;
};
#define TEXT(literal) ((char[]){literal})
#define AT(member)    offsetof(struct values, member)
static const struct conf_row rows[] = {
    {"name", "T_NAME", CONF_STRING, AT(name), "a", 0, 8, NULL, false, false, "A name."},
    {"level", "T_LEVEL", CONF_CHOICE, AT(level), "info", 0, 0, "info debug", true, false, "A level."},
    {"labels", "T_LABELS", CONF_LIST, AT(labels), NULL, 0, 0, NULL, false, false, "Labels."},
    {"secret", "T_SECRET", CONF_STRING, AT(secret), NULL, 0, 0, NULL, false, true, "A secret."},
    {"on", "T_ON", CONF_BOOL, AT(on), "false", 0, 0, NULL, true, false, "Whether."},
    {"port", "T_PORT", CONF_UINT, AT(port), "3000", 1, 65535, NULL, false, false, "A port."},
    {"size", "T_SIZE", CONF_BYTES, AT(size), "1G", 1, 0, NULL, true, false, "A size."},
};
static const struct conf_table table = {.row = rows, .count = ARRAY_LEN(rows), .size = sizeof(struct values)};

static void test_later_sources_win(void **state)
{
    char *environment[] = {TEXT("T_PORT=5"), TEXT("T_SIZE=2K"), TEXT("OTHER=1"), NULL};
    char *flags[] = {TEXT("--size"), TEXT("3M"), TEXT("--name=b")};
    struct conf_sources sources = {.environ = environment, .argc = 3, .argv = flags};
    struct values v = {0};
    struct err e;
    assert_int_equal(conf_load(&table, &sources, &v, &e), 0);
    assert_int_equal(v.port, 5);
    assert_int_equal(v.size, 3 << 20);
    assert_string_equal(v.name, "b");
    assert_null(v.secret);
    conf_fini(&table, &v);
}

static void refused(const char *yaml, const char *sentence)
{
    struct values v = {0};
    struct err e;
    assert_int_equal(conf_yaml_read(&table, "f.yaml", yaml, strlen(yaml), &v, &e), ERR_CONFIG);
    if (!strstr(e.text, sentence))
        fail_msg("\"%s\" is not in \"%s\"", sentence, e.text);
    conf_fini(&table, &v);
}

static void test_bad_yaml_says_line_key_and_what_is_allowed(void **state)
{
    refused("port: 1\nprot: 2\n", "f.yaml:2: unknown key \"prot\"");
    refused("port: 0\n", "f.yaml:1: port is \"0\"; allowed: a number from 1 to 65535");
    refused("port: 70000\n", "65535");
    refused("port: -1\n", "allowed");
    refused("port: 99999999999999999999999\n", "allowed");
    refused("\nlevel: loud\n", "f.yaml:2: level is \"loud\"; allowed: info debug");
    refused("on: yes\n", "allowed: true, false");
    refused("port: 1\nport: 2\n", "f.yaml:2: port is there twice");
    refused("name: &a x\nlevel: *a\n", "aliases");
    refused("name: {a: b}\n", "plain value");
    refused("- a\n", "mapping");
    refused("name: \"a\\0b\"\n", "NUL");
    refused("name: \"a\\nb\"\n", "control");
    refused("name: toolonganame\n", "longer than the 8");
    refused("name: [\n", "f.yaml:");
    refused("a: b\n---\nc: d\n", "unknown key");
    refused("size: 20000000T\n", "allowed");
}

static void test_lists_and_empty_files(void **state)
{
    struct values v = {0};
    struct err e;
    const char *yaml = "labels: [a=1, b=2]\n";
    assert_int_equal(conf_yaml_read(&table, "f", yaml, strlen(yaml), &v, &e), 0);
    assert_string_equal(v.labels, "a=1,b=2");
    assert_int_equal(conf_yaml_read(&table, "f", "# nothing\n", 10, &v, &e), 0);
    conf_fini(&table, &v);
}

static void test_secret_from_file_and_hidden(void **state)
{
    char path[] = "/tmp/conf-XXXXXX", setting[64], text[64];
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "s3cret\n", 7), 7);
    close(fd);
    snprintf(setting, sizeof setting, "T_SECRET_FILE=%s", path);
    char *environment[] = {setting, NULL};
    struct conf_sources sources = {.environ = environment};
    struct values v = {0};
    struct err e;
    assert_int_equal(conf_load(&table, &sources, &v, &e), 0);
    unlink(path);
    assert_string_equal(v.secret, "s3cret");
    conf_value_text(&rows[3], &v, text, sizeof text);
    assert_string_equal(text, "(hidden)");
    conf_fini(&table, &v);
    assert_int_equal(conf_load(&table, &sources, &v, &e), ERR_CONFIG);
}

static void count_change(void *arg, const char *key, bool taken)
{
    (*(int *)arg) += taken ? 1 : 100;
}

static void test_reload_is_all_or_nothing(void **state)
{
    struct conf_sources none = {0};
    struct values v = {0};
    struct err e;
    int changes = 0;
    assert_int_equal(conf_load(&table, &none, &v, &e), 0);
    char *good[] = {TEXT("T_LEVEL=debug"), TEXT("T_PORT=9"), NULL},
         *bad[] = {TEXT("T_LEVEL=info"), TEXT("T_SIZE=x"), NULL};
    assert_int_equal(
        conf_reload(&table, &(struct conf_sources){.environ = good}, &v, count_change, &changes, &e), 0);
    assert_string_equal(v.level, "debug");
    assert_int_equal(v.port, 3000);
    assert_int_equal(changes, 101);
    assert_int_equal(conf_reload(&table, &(struct conf_sources){.environ = bad}, &v, NULL, NULL, &e),
                     ERR_CONFIG);
    assert_string_equal(v.level, "debug");
    conf_fini(&table, &v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_later_sources_win),
        cmocka_unit_test(test_bad_yaml_says_line_key_and_what_is_allowed),
        cmocka_unit_test(test_lists_and_empty_files),
        cmocka_unit_test(test_secret_from_file_and_hidden),
        cmocka_unit_test(test_reload_is_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
