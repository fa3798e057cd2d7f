#include "common/io/log.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Runs with stderr in a temporary file; returns what was written. */
static size_t captured(void (*write_lines)(void), char *out, size_t room)
{
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    assert_non_null(file);
    dup2(fileno(file), STDERR_FILENO);
    write_lines();
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    size_t len = fread(out, 1, room - 1, file);
    out[len] = '\0';
    fclose(file);
    return len;
}

static void write_forged(void)
{
    log_info("sandbox=sbx_1", "name=%s", "a\nlevel=error forged\x1b[31m");
}

static void write_long(void)
{
    log_error("controller", "%05000d", 1);
}

static void write_debug(void)
{
    log_debug("controller", "not shown");
}

static void test_no_input_forges_a_line(void **state)
{
    char out[4096];
    size_t len = captured(write_forged, out, sizeof(out));
    assert_non_null(strstr(out, "Z level=info sandbox=sbx_1 name=a?level=error forged?[31m\n"));
    assert_ptr_equal(strchr(out, '\n'), out + len - 1);
}

static void test_a_long_line_is_cut_and_ends(void **state)
{
    char out[8192];
    size_t len = captured(write_long, out, sizeof(out));
    assert_in_range(len, 1000, 1024);
    assert_int_equal(out[len - 1], '\n');
}

static void test_levels_filter(void **state)
{
    char out[4096];
    enum log_level level;
    assert_int_equal(captured(write_debug, out, sizeof(out)), 0);
    assert_true(log_level_parse("debug", &level));
    assert_false(log_level_parse("loud", &level));
    log_set_level(level);
    assert_true(captured(write_debug, out, sizeof(out)) > 0);
    log_set_level(LOG_INFO);
}

/* --- with the thread of the log --- */

#define LINES 5000

static void write_many(void)
{
    for (int i = 0; i < LINES; i++)
        log_info("controller", "line %d", i);
}

static void write_many_by_the_thread(void)
{
    log_begin();
    for (int i = 0; i < 500; i++)
        log_info("controller", "line %d", i);
    log_end();
    log_info("controller", "after");
}

static void test_the_thread_writes_all_in_order(void **state)
{
    static char out[256 * 1024];
    char expected[32];
    const char *at = out;
    captured(write_many_by_the_thread, out, sizeof out);
    for (int i = 0; i < 500; i++) {
        snprintf(expected, sizeof expected, "controller line %d\n", i);
        at = strstr(at, expected);
        assert_non_null(at);
    }
    assert_non_null(strstr(at, "controller after\n"));
}

/* Standard error is a pipe that nobody reads yet. */
static FILE *begin_unread(int *saved)
{
    int ends[2];
    *saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    alarm(20); /* a log that waited would wait for ever */
    log_begin();
    return fdopen(ends[0], "r");
}

/* Reads until every line was read or is counted as left out; returns the number of lines left out. */
static int read_all(FILE *in)
{
    char line[2048];
    int there = 0, lost = 0, some;
    while (there + lost < LINES && fgets(line, sizeof line, in)) {
        const char *notice = strstr(line, "level=warn log ");
        there += !notice;
        if (notice && sscanf(notice, "level=warn log %d lines were left out", &some) == 1)
            lost += some;
    }
    assert_int_equal(there + lost, LINES);
    return lost;
}

static void end_unread(FILE *in, int saved)
{
    log_end();
    alarm(0);
    dup2(saved, STDERR_FILENO);
    close(saved);
    fclose(in);
}

/* The reader of the log has stopped: the caller does not wait, and the number of lost lines is reported. */
static void test_a_log_that_nobody_reads_holds_nobody_up(void **state)
{
    int saved;
    char line[2048] = "";
    FILE *in = begin_unread(&saved);
    write_many();
    log_begin(); /* a second call does nothing */
    assert_in_range(read_all(in), 1, LINES - 1000);
    log_info("controller", "and on");
    while (!strstr(line, "controller and on\n"))
        assert_non_null(fgets(line, sizeof line, in));
    end_unread(in, saved);
}

/* The end of the log does not wait for the reader either. */
static void test_an_end_does_not_wait_for_ever(void **state)
{
    int saved;
    FILE *in = begin_unread(&saved);
    write_many();
    log_end();
    read_all(in);
    end_unread(in, saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_input_forges_a_line),
        cmocka_unit_test(test_a_long_line_is_cut_and_ends),
        cmocka_unit_test(test_levels_filter),
        cmocka_unit_test(test_the_thread_writes_all_in_order),
        cmocka_unit_test(test_a_log_that_nobody_reads_holds_nobody_up),
        cmocka_unit_test(test_an_end_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
