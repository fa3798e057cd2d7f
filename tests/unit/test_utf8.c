#include "tests/lib/unit.h"

#include "common/base/defs.h"
#include "common/base/utf8.h"

static void test_characters(void **state)
{
    assert_true(utf8_valid("") && utf8_valid("a\u00e9\u5317\U0001f600\U0010ffff\ue000\ud7ff"));
    assert_int_equal(utf8_count("a\u00e9\u5317\U0001f600"), 4);
    assert_int_equal(utf8_count(""), 0);
}

/* Cut, overlong, surrogates, past the last code point, bytes that begin no character. */
static void test_bytes_that_are_none(void **state)
{
    static const char *const bad[] = {"\xc3",
                                      "a\xe5\x8c",
                                      "\xf0\x9f\x98",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xed\xa0\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "\x80",
                                      "\xc3(",
                                      "\xe2\x82("};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(utf8_valid(bad[i]));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_bytes_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
