#include "tests/lib/unit.h"

#include "common/base/defs.h"
#include "common/base/rfc3339.h"

static void test_known_times(void **state)
{
    char out[RFC3339_LEN + 1];
    rfc3339_format(0, out);
    assert_string_equal(out, "1970-01-01T00:00:00.000Z");
    rfc3339_format(1709251199999u, out);
    assert_string_equal(out, "2024-02-29T23:59:59.999Z");
    rfc3339_format(UINT64_MAX, out);
    assert_string_equal(out, "9999-12-31T23:59:59.999Z");
}

static void test_parse_takes_what_is_written(void **state)
{
    static const char *const wrong[] = {"",
                                        "2024-02-30T00:00:00.000Z",
                                        "2024-02-29T23:59:59Z",
                                        "2024-02-29T23:59:59.999+00:00",
                                        "2024-02-29T23:59:59.999Zx",
                                        "2024-2-29T23:59:59.999Z"};
    uint64_t ms;
    assert_true(rfc3339_parse("2024-02-29T23:59:59.999Z", &ms));
    assert_int_equal(ms, 1709251199999u);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(rfc3339_parse(wrong[i], &ms));
}

static void test_valid_is_of_a_day_that_there_is(void **state)
{
    static const char *const right[] = {"2024-02-29T23:59:59Z",           "2026-01-02T03:04:05.123456789Z",
                                        "2026-01-02T03:04:05+05:30",      "0001-01-01T00:00:00Z",
                                        "9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00-14:00",
                                        "9999-12-31T23:59:59+14:00"};
    static const char *const wrong[] = {"",
                                        "0001-01-01T00:00:00+14:00", /* of the year before */
                                        "9999-12-31T23:59:59-00:01",
                                        "infinity            ",
                                        "tomorrow allballs     ",
                                        "2023-02-29T00:00:00Z",
                                        "2026-13-01T00:00:00Z",
                                        "2026-00-01T00:00:00Z",
                                        "2026-01-01T24:00:00Z",
                                        "2026-01-01T00:60:00Z",
                                        "2026-01-01T00:00:00",
                                        "2026-01-01T00:00:00.Z",
                                        "2026-01-01T00:00:00+5:00",
                                        "2026-01-01T00:00:00+15:00",
                                        "2026-01-01T00:00:00Zx"};
    for (size_t i = 0; i < ARRAY_LEN(right); i++)
        assert_true(rfc3339_valid(right[i]));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(rfc3339_valid(wrong[i]));
}

static void test_nanoseconds(void **state)
{
    uint64_t ns;
    assert_true(rfc3339_read("1970-01-01T00:00:01.5Z", &ns) && ns == 1500000000);
    assert_true(rfc3339_read("1970-01-01T01:00:01+01:00", &ns) && ns == 1000000000);
    assert_false(rfc3339_read("1969-12-31T23:59:59Z", &ns));
    assert_false(rfc3339_read("1970-01-01T00:00:00+01:00", &ns));
    assert_true(rfc3339_read("2261-12-31T23:59:59Z", &ns) && ns < INT64_MAX);
    assert_true(rfc3339_read("2300-01-01T00:00:00Z", &ns) && ns == INT64_MAX); /* not "at any time" */
    assert_true(rfc3339_read("9999-12-31T23:59:59Z", &ns) && ns == INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nanoseconds), cmocka_unit_test(test_known_times),
                                       cmocka_unit_test(test_parse_takes_what_is_written),
                                       cmocka_unit_test(test_valid_is_of_a_day_that_there_is)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
