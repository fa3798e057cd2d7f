#include "tests/lib/unit.h"

#include "common/base/defs.h"
#include "common/base/units.h"

#include <stdio.h>

static void test_bytes(void **state)
{
    static const char *const wrong[] = {"",
                                        "-1",
                                        "1X",
                                        "1.5",
                                        "1.G",
                                        ".5G",
                                        "1.5.5G",
                                        "K",
                                        " 1",
                                        "1 K",
                                        "18446744073709551616",
                                        "99999999999T"};
    uint64_t n;
    assert_true(units_parse_bytes("0", &n) && n == 0);
    assert_true(units_parse_bytes("256M", &n) && n == 256u << 20);
    assert_true(units_parse_bytes("1GiB", &n) && n == 1u << 30);
    assert_true(units_parse_bytes("2kb", &n) && n == 2048);
    assert_true(units_parse_bytes("0.5G", &n) && n == 1u << 29);
    assert_true(units_parse_bytes("0.3K", &n) && n == 307);
    assert_true(units_parse_bytes("16777215.999999999T", &n) && n == UINT64_MAX - 1099);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(units_parse_bytes(wrong[i], &n));
}

static void test_seconds(void **state)
{
    uint64_t n;
    assert_true(units_parse_seconds("90", &n) && n == 90);
    assert_true(units_parse_seconds("10m", &n) && n == 600);
    assert_true(units_parse_seconds("2d", &n) && n == 172800);
    static const char *const wrong[] = {
        "", "2w", "1h1h", "30m1h", "1h30x", "1h-5m", "0.5", "1 h", "999999999999999999d"};
    assert_true(units_parse_seconds("1h30m", &n) && n == 5400);
    assert_true(units_parse_seconds("1d2h3m4s", &n) && n == 93784);
    assert_true(units_parse_seconds("1h30", &n) && n == 3630);
    assert_true(units_parse_seconds("1.5h", &n) && n == 5400);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(units_parse_seconds(wrong[i], &n));
}

static void test_cpu(void **state)
{
    static const char *const wrong[] = {"", "m", "0.5m", "1.5x", "-1", "1 ", "."};
    uint64_t n;
    assert_true(units_parse_cpu_millis("0.5", &n) && n == 500);
    assert_true(units_parse_cpu_millis("2.0", &n) && n == 2000);
    assert_true(units_parse_cpu_millis("500", &n) && n == 500);
    assert_true(units_parse_cpu_millis("500m", &n) && n == 500);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(units_parse_cpu_millis(wrong[i], &n));
}

static void test_formats(void **state)
{
    char out[32];
    units_format_bytes(1023, out, sizeof out);
    assert_string_equal(out, "1023 B");
    units_format_bytes(3u << 19, out, sizeof out);
    assert_string_equal(out, "1.5 MiB");
    units_format_bytes(UINT64_MAX, out, sizeof out);
    assert_string_equal(out, "16.0 EiB");
    units_format_seconds(0, out, sizeof out);
    assert_string_equal(out, "0s");
    units_format_seconds(3600 * 26, out, sizeof out);
    assert_string_equal(out, "1d 2h");
    units_format_seconds(725, out, sizeof out);
    assert_string_equal(out, "12m 5s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bytes), cmocka_unit_test(test_seconds),
                                       cmocka_unit_test(test_cpu), cmocka_unit_test(test_formats)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
