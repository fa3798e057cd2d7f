#include "tests/lib/unit.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known_times)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
