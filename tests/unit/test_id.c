#include "common/base/id.h"
#include "tests/lib/unit.h"

static const uint8_t zeros[10];

static void test_format_is_the_ulid_of_the_spec(void **state)
{
    uint8_t ones[10];
    memset(ones, 0xff, sizeof(ones));
    assert_string_equal(sandbox_id_make(0, zeros).text, "sbx_00000000000000000000000000");
    assert_string_equal(sandbox_id_make((1ull << 48) - 1, ones).text, "sbx_7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    assert_string_equal(sandbox_id_make(1469918176385, zeros).text, "sbx_01ARYZ6S410000000000000000");
}

static void test_ids_sort_by_time(void **state)
{
    uint8_t ones[10];
    memset(ones, 0xff, sizeof(ones));
    assert_true(strcmp(sandbox_id_make(1000, ones).text, sandbox_id_make(1001, zeros).text) < 0);
}

static void test_parse_takes_only_the_canonical_form(void **state)
{
    struct sandbox_id id;
    assert_true(sandbox_id_parse("sbx_01ARYZ6S410000000000000000", &id));
    assert_string_equal(id.text, "sbx_01ARYZ6S410000000000000000");
    assert_false(sandbox_id_parse("", &id));
    assert_false(sandbox_id_parse("sbx_01ARYZ6S41000000000000000", &id));
    assert_false(sandbox_id_parse("sbx_01ARYZ6S4100000000000000000", &id));
    assert_false(sandbox_id_parse("sbx_01aryz6s410000000000000000", &id));
    assert_false(sandbox_id_parse("sbx_81ARYZ6S410000000000000000", &id));
    assert_false(sandbox_id_parse("sbx_01ARYZ6S41000000000000/../", &id));
    assert_false(sandbox_id_parse("usr_01ARYZ6S410000000000000000", &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_is_the_ulid_of_the_spec),
        cmocka_unit_test(test_ids_sort_by_time),
        cmocka_unit_test(test_parse_takes_only_the_canonical_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
