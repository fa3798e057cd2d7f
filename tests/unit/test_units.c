#include "tests/lib/unit.h"

#include "common/defs.h"
#include "common/units.h"

#include <stdio.h>

static void test_bytes(void **state)
{
    static const char *const wrong[] = {
        "", "-1", "1X", "1.5G", "K", " 1", "1 K", "18446744073709551616", "99999999999T"};
    uint64_t n;
    assert_true(units_parse_bytes("0", &n) && n == 0);
    assert_true(units_parse_bytes("256M", &n) && n == 256u << 20);
    assert_true(units_parse_bytes("1GiB", &n) && n == 1u << 30);
    assert_true(units_parse_bytes("2kb", &n) && n == 2048);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(units_parse_bytes(wrong[i], &n));
}

static void test_seconds(void **state)
{
    uint64_t n;
    assert_true(units_parse_seconds("90", &n) && n == 90);
    assert_true(units_parse_seconds("10m", &n) && n == 600);
    assert_true(units_parse_seconds("2d", &n) && n == 172800);
    assert_false(units_parse_seconds("2w", &n));
    assert_false(units_parse_seconds("1h30m", &n));
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
                                       cmocka_unit_test(test_formats)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
