#include "tests/lib/unit.h"

#include "agent/disk/record.h"
#include "agent/disk/record_slots.h"

#include <fcntl.h>
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
                               .pooled = true,
                               .renewed = true,
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
    assert_true(back.pooled && !back.warm && back.renewed);
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

/* In place of the C library's: counts the files that are written out. */
static int written_out;
int sync_file_range(int fd, off64_t from, off64_t len, unsigned flags)
{
    written_out++;
    return 0;
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

/* An agent that was killed in the middle of a write leaves a text that is in memory only. */
static void test_what_is_read_is_on_the_disk(void **state)
{
    struct sandbox_record r = a_record();
    char dir[] = "/tmp/test_record.XXXXXX", command[64];
    struct err e;
    assert_non_null(mkdtemp(dir));
    char *text = record_format(&r);
    assert_int_equal(record_write(dir, &r.id, text, &e), 0);
    free(text);
    written_out = 0;
    assert_int_equal(load(dir).good, 1);
    assert_int_equal(written_out, 1);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
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

/* --- the two slots of a file --- */

struct file {
    char dir[40], path[300];
    struct sandbox_id id;
};

static void write_number(const struct file *file, uint64_t number)
{
    struct sandbox_record r = a_record();
    struct err e;
    r.number = number;
    char *text = record_format(&r);
    assert_int_equal(record_write(file->dir, &r.id, text, &e), 0);
    free(text);
}

static struct file new_file(void)
{
    struct file file = {.dir = "/tmp/corral-records-XXXXXX", .id = a_record().id};
    assert_non_null(mkdtemp(file.dir));
    snprintf(file.path, sizeof file.path, "%s/%s", file.dir, file.id.text);
    write_number(&file, 1);
    return file;
}

static void remove_file(const struct file *file)
{
    assert_true(!unlink(file->path) && !rmdir(file->dir));
}

static struct stat stat_of(const struct file *file)
{
    struct stat st;
    assert_int_equal(stat(file->path, &st), 0);
    return st;
}

static void flip(const struct file *file, off_t at)
{
    char byte;
    int fd = open(file->path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

/* Each write leaves the one before on the disk, in the same file. */
static void test_a_torn_write_leaves_the_one_before(void **state)
{
    struct file file = new_file();
    ino_t is = stat_of(&file).st_ino;
    off_t slot = stat_of(&file).st_size / 2;
    for (uint64_t number = 2; number < 6; number++) {
        off_t newest = number % 2 ? 0 : slot;
        write_number(&file, number);
        assert_true(stat_of(&file).st_ino == is && load(file.dir).number == number);
        for (off_t at = newest; at < newest + 200; at += 7) {
            flip(&file, at);
            struct loaded loaded = load(file.dir);
            assert_true(loaded.good == 1 && !loaded.bad && loaded.number == number - 1);
            flip(&file, at);
        }
    }
    flip(&file, slot + 100); /* the older one */
    assert_int_equal(load(file.dir).number, 5);
    write_number(&file, 6);
    assert_int_equal(load(file.dir).number, 6);
    flip(&file, slot + 100); /* a write that was torn is followed by another into the same slot */
    write_number(&file, 7);
    assert_int_equal(load(file.dir).number, 7);
    flip(&file, slot + 100);
    assert_int_equal(load(file.dir).number, 5);
    flip(&file, 100);
    struct loaded loaded = load(file.dir);
    assert_true(!loaded.good && loaded.bad == 1);
    snprintf(file.path, sizeof file.path, "%s/%s.bad", file.dir, file.id.text);
    remove_file(&file);
}

/* One that does not fit its slot, one of an agent before, and one in a file that is damaged. */
static void test_a_new_file_where_there_is_no_slot_for_it(void **state)
{
    struct file file = new_file();
    struct sandbox_record r = a_record();
    struct err e;
    uint8_t *spec = calloc(1, 600000);
    const size_t lens[] = {3000, 100000, 300000}; /* in two slots, but for the last */
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        r.spec = spec;
        r.spec_len = lens[i];
        r.number = i;
        char *text = record_format(&r);
        for (int again = 0; again < 2; again++)
            assert_int_equal(record_write(file.dir, &r.id, text, &e), 0);
        char *bytes = calloc(1, RECORD_SLOTS_MAX + 1);
        int fd = open(file.path, O_RDONLY | O_CLOEXEC);
        ssize_t len = read(fd, bytes, RECORD_SLOTS_MAX);
        assert_true(len > 0 && (size_t)len >= strlen(text));
        assert_string_equal(record_slots_find(bytes, (size_t)len), text);
        close(fd);
        free(bytes);
        free(text);
    }
    r = a_record();
    char *text = record_format(&r);
    put(file.dir, &r.id, text, strlen(text));
    assert_int_equal(load(file.dir).number, UINT64_MAX);
    write_number(&file, 4);
    assert_int_equal(load(file.dir).number, 4);
    free(text);
    free(spec);
    remove_file(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_what_is_read_is_on_the_disk),
                                       cmocka_unit_test(test_any_damage_is_seen),
                                       cmocka_unit_test(test_what_is_no_record_of_ours),
                                       cmocka_unit_test(test_a_folder_of_them),
                                       cmocka_unit_test(test_a_torn_write_leaves_the_one_before),
                                       cmocka_unit_test(test_a_new_file_where_there_is_no_slot_for_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
