#include "tests/lib/unit.h"

#include "agent/disk/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct sandbox_record a_record(void)
{
    static uint8_t spec[] = {0, 1, 255};
    uint8_t random[10] = {3};
    struct sandbox_record r = {.id = sandbox_id_make(5, random),
                               .generation = 7,
                               .number = UINT64_MAX,
                               .phase = PHASE_RUNNING,
                               .desired = DESIRED_PAUSED,
                               .paused = true,
                               .idled = true,
                               .unfit = true,
                               .has_exit_code = true,
                               .exit_code = -9,
                               .deadline_ms = 123,
                               .limits = {1, 2, 3, 4, 5, 6},
                               .last_ms = 99,
                               .last = {.memory_peak_bytes = 77},
                               .spec = spec,
                               .spec_len = sizeof spec};
    strcpy(r.detail, "a line\nand another");
    memset(r.container_id, 'a', 64);
    return r;
}

static void test_round_trip(void **state)
{
    struct sandbox_record r = a_record(), back;
    struct err e;
    char *text = record_format(&r);
    assert_int_equal(record_parse(text, &back, &e), 0);
    assert_int_equal(back.number, UINT64_MAX);
    assert_int_equal(back.exit_code, -9);
    assert_true(back.paused && back.idled && back.unfit && back.has_exit_code && !back.failed);
    assert_string_equal(back.detail, "a line and another");
    assert_string_equal(back.container_id, r.container_id);
    assert_true(back.last_ms == 99 && back.last.memory_peak_bytes == 77);
    assert_memory_equal(&back.limits, &r.limits, sizeof r.limits);
    assert_memory_equal(back.spec, r.spec, 3);
    free(back.spec);
    free(text);
}

static void test_any_damage_is_seen(void **state)
{
    struct sandbox_record r = a_record(), back;
    struct err e;
    char *text = record_format(&r);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        char was = text[i];
        text[i] ^= 1;
        if (!record_parse(text, &back, &e))
            fail_msg("byte %zu may be changed", i);
        text[i] = 0;
        assert_int_equal(record_parse(text, &back, &e), ERR_PROTOCOL);
        text[i] = was;
    }
    free(text);
}

/* Records that are whole and make no sense. */
static void test_what_is_no_record_of_ours(void **state)
{
    struct sandbox_record wrong[5], back;
    struct err e;
    for (int i = 0; i < 5; i++)
        wrong[i] = a_record();
    wrong[0].phase = PHASE_ENDED + 1;
    wrong[1].desired = DESIRED_GONE + 1;
    wrong[2].reason = SANDBOX_REASON_COUNT;
    strcpy(wrong[3].container_id, "../../x");
    memset(&wrong[4].id, 0, sizeof wrong[4].id);
    for (int i = 0; i < 5; i++) {
        char *text = record_format(&wrong[i]);
        if (record_parse(text, &back, &e) != ERR_PROTOCOL)
            fail_msg("%d is taken", i);
        free(text);
    }
}

struct loaded {
    size_t good, bad;
    uint64_t number;
    char why[300];
};

static void on_record(void *arg, const struct sandbox_record *record)
{
    struct loaded *loaded = arg;
    loaded->good++;
    loaded->number = record->number;
    assert_int_equal(record->spec_len, 3);
}

static void on_bad(void *arg, const char *name, const char *why)
{
    struct loaded *loaded = arg;
    loaded->bad++;
    snprintf(loaded->why, sizeof loaded->why, "%s", why);
}

static struct loaded load(const char *dir)
{
    struct loaded loaded = {0};
    struct err e;
    assert_int_equal(record_load_all(dir, on_record, on_bad, &loaded, &e), 0);
    return loaded;
}

static void put(const char *dir, const struct sandbox_id *id, const char *bytes, size_t len)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", dir, id->text);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

/* Each bad record is set aside once, and the good ones stay. */
static void test_a_folder_of_them(void **state)
{
    char dir[] = "/tmp/corral-records-XXXXXX", path[300];
    struct sandbox_record r = a_record();
    struct sandbox_id other = sandbox_id_make(6, (uint8_t[10]){4});
    struct err e;
    char *text = record_format(&r), *huge = calloc(1, 2 << 20);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(record_write(dir, &r.id, text, &e), 0);
    struct loaded loaded = load(dir);
    assert_true(loaded.good == 1 && !loaded.bad && loaded.number == UINT64_MAX);
    put(dir, &other, text, strlen(text));
    loaded = load(dir);
    assert_true(loaded.good == 1 && loaded.bad == 1);
    assert_string_equal(loaded.why, "it is of another sandbox");
    const struct {
        const char *bytes;
        size_t len;
    } rows[] = {{"", 0}, {text, 40}, {text, strlen(text) - 1}, {"\0\1\2", 3}, {huge, 2 << 20}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put(dir, &other, rows[i].bytes, rows[i].len);
        loaded = load(dir);
        assert_true(loaded.good == 1 && loaded.bad == 1);
        assert_string_equal(loaded.why, "it is incomplete, or not a record");
    }
    snprintf(path, sizeof path, "%s/%s", dir, other.text);
    assert_int_equal(mkfifo(path, 0600), 0);
    loaded = load(dir);
    assert_true(loaded.good == 1 && loaded.bad == 1);
    assert_string_equal(loaded.why, "it cannot be read");
    loaded = load(dir);
    assert_true(loaded.good == 1 && !loaded.bad);
    assert_int_equal(record_remove(dir, &r.id, &e), 0);
    snprintf(path, sizeof path, "%s/%s.bad", dir, other.text);
    assert_true(!unlink(path) && !rmdir(dir));
    free(text);
    free(huge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_any_damage_is_seen),
        cmocka_unit_test(test_what_is_no_record_of_ours), cmocka_unit_test(test_a_folder_of_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
