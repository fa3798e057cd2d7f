#include "tests/lib/unit.h"

#include "common/defs.h"
#include "common/rfc3339.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known_times),
                                       cmocka_unit_test(test_parse_takes_what_is_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
