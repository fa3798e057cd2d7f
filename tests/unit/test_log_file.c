/* Logs of ended sandboxes as files: whole, or not there, whatever happened to the process that wrote them. */
#include "agent/disk/log_file.h"
#include "tests/lib/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char folder[] = "/tmp/corral-log-file-XXXXXX";

static int make_folder(void **state)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    log_file_clean(folder);
    return rmdir(folder);
}

static struct log_entry entry_of(unsigned number, uint64_t ended_ms)
{
    struct log_entry entry = {.user = "somebody", .ended_ms = ended_ms};
    snprintf(entry.id.text, sizeof entry.id.text, "sbx_%026u", number);
    return entry;
}

static void write_log(unsigned number, uint64_t ended_ms)
{
    struct log_record record = {LOG_STDOUT, 7, (const uint8_t *)"hello\n", 6};
    struct log_entry entry = entry_of(number, ended_ms);
    struct log_tape tape = {.from = 0};
    struct err e;
    log_tape_add(&tape, &record);
    assert_int_equal(log_file_write(folder, &entry, &tape, &e), 0);
    assert_true(entry.bytes > 6);
    log_tape_fini(&tape);
}

static void put_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static bool is_there(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static size_t list(struct log_entry out[static 4])
{
    struct log_entry *found;
    size_t count = log_file_list(folder, &found);
    assert_true(count <= 4);
    if (count)
        memcpy(out, found, count * sizeof *found);
    free(found);
    return count;
}

static void drop(unsigned number)
{
    struct log_entry entry = entry_of(number, 0);
    struct err e;
    assert_int_equal(log_file_remove(folder, &entry.id, &e), 0);
}

static void test_written_and_read(void **state)
{
    struct log_entry entry = entry_of(1, 0), back;
    struct log_tape tape = {.from = 0};
    struct err e;
    write_log(1, 5000);
    assert_int_equal(log_file_read(folder, &entry.id, &back, &tape, &e), 0);
    assert_string_equal(back.user, "somebody");
    assert_true(back.ended_ms == 5000 && tape.text == 6 && !tape.truncated);
    log_tape_fini(&tape);
    drop(1);
    drop(1);
    assert_int_equal(log_file_read(folder, &entry.id, &back, &tape, &e), ERR_LOGS_GONE);
}

static void test_listed_by_their_ends(void **state)
{
    struct log_entry found[4];
    write_log(1, 300);
    write_log(2, 100);
    write_log(3, 200);
    assert_int_equal(list(found), 3);
    assert_true(found[0].ended_ms == 100 && found[1].ended_ms == 200 && found[2].ended_ms == 300);
    assert_string_equal(found[0].user, "somebody");
    for (unsigned i = 1; i <= 3; i++)
        drop(i);
}

/* A kill in the middle of a write, also of one that replaces a log; a disk that lost a file's bytes. */
static void test_interrupted(void **state)
{
    struct log_entry found[4];
    write_log(1, 100);
    put_file("sbx_00000000000000000000000001.log.new", "corral-log 1\nuser some");
    put_file("sbx_00000000000000000000000002.log.new", "");
    put_file("sbx_00000000000000000000000003.log", "");
    put_file("sbx_00000000000000000000000004.log", "corral-log 1\nuser somebody ended_ms 1");
    assert_int_equal(list(found), 1);
    assert_true(is_there("sbx_00000000000000000000000002.log.new")); /* a thread may be writing it */
    assert_false(is_there("sbx_00000000000000000000000003.log"));
    assert_false(is_there("sbx_00000000000000000000000004.log"));
    log_file_clean(folder);
    assert_false(is_there("sbx_00000000000000000000000001.log.new"));
    assert_false(is_there("sbx_00000000000000000000000002.log.new"));
    assert_int_equal(list(found), 1);
    drop(1);
}

/* What cannot be opened now is not damaged. */
static void test_no_descriptors(void **state)
{
    struct rlimit before, few;
    struct log_entry found[4];
    write_log(1, 100);
    int next = dup(0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){.rlim_cur = (rlim_t)next + 1, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    size_t count = list(found);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(count, 0);
    assert_int_equal(list(found), 1);
    drop(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_and_read), cmocka_unit_test(test_listed_by_their_ends),
        cmocka_unit_test(test_interrupted), cmocka_unit_test(test_no_descriptors)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
