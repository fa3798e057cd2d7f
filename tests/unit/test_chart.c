#include "cli/chart.h"

#include "tests/lib/unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *drawn(const double *values, size_t count, size_t columns, double top)
{
    static char out[CHART_TEXT_MAX];
    chart_line(values, count, columns, top, out);
    return out;
}

static void test_bars(void **state)
{
    const double values[] = {0, 1, 50, 99, 100, 500};
    assert_string_equal(drawn(values, 6, 10, 100), "▁▂▅███");
    assert_string_equal(drawn(values, 2, 10, 0), "▁▁");
    assert_string_equal(drawn(values, 0, 10, 100), "");
}

static void test_what_is_not_known_is_blank(void **state)
{
    const double values[] = {100, NAN, 100, NAN, NAN, 100};
    assert_string_equal(drawn(values, 6, 6, 100), "█ █  █");
    assert_string_equal(drawn(values, 6, 3, 100), "███");
}

static void test_steps_share_a_column(void **state)
{
    const double values[] = {0, 0, 0, 100, 0, 0, 0};
    assert_string_equal(drawn(values, 7, 3, 100), "▁█▁");
}

static void test_as_wide_as_it_may_be(void **state)
{
    double *values = calloc(2000, sizeof *values);
    for (size_t i = 0; i < 2000; i++)
        values[i] = 1;
    assert_int_equal(strlen(drawn(values, 2000, 2000, 1)), CHART_TEXT_MAX - 1);
    free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bars), cmocka_unit_test(test_what_is_not_known_is_blank),
        cmocka_unit_test(test_steps_share_a_column), cmocka_unit_test(test_as_wide_as_it_may_be)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
