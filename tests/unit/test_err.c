#include "common/base/err.h"
#include "common/http/http_status.h"
#include "tests/lib/unit.h"

static void test_every_code_has_a_name_and_a_status(void **state)
{
    for (int code = -1; code > -ERR_INDEX_COUNT; code--) {
        assert_non_null(err_name(code));
        assert_in_range(err_status(code), 400, 599);
    }
    assert_string_equal(err_name(ERR_QUOTA_EXCEEDED), "quota_exceeded");
    assert_int_equal(err_status(ERR_QUOTA_EXCEEDED), 429);
    assert_string_equal(err_name(-9999), "internal");
}

/* Several codes share a status and its phrase; each code has a title of its own. */
static void test_each_code_has_a_title_and_its_status_a_phrase(void **state)
{
    for (int code = -1; code > -ERR_INDEX_COUNT; code--) {
        assert_string_not_equal(http_status_text(err_status(code)), "");
        for (int other = code - 1; other > -ERR_INDEX_COUNT; other--)
            assert_string_not_equal(err_title(code), err_title(other));
    }
    assert_string_equal(http_status_text(503), "Service Unavailable");
    assert_string_equal(http_status_text(200), "OK");
    assert_string_equal(http_status_text(299), "");
}

static void test_set_cuts_a_long_text(void **state)
{
    struct err e;
    assert_int_equal(err_set(&e, ERR_IO, "%0600d", 1), ERR_IO);
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
    assert_int_equal(err_set(NULL, ERR_IO, "x"), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_a_name_and_a_status),
        cmocka_unit_test(test_each_code_has_a_title_and_its_status_a_phrase),
        cmocka_unit_test(test_set_cuts_a_long_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
