#include "common/log.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <unistd.h>

/* Runs with stderr in a temporary file and gives what was written. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_input_forges_a_line),
        cmocka_unit_test(test_a_long_line_is_cut_and_ends),
        cmocka_unit_test(test_levels_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
